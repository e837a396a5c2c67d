import { hermes } from './hermes.js'
import { llama3 } from './llama3.js'
import { mistral } from './mistral.js'
import type { ToolFormat } from './tool-format.js'

/** What a template of that format writes when it repeats the calls of earlier turns, or tells the model how to call. */
const signs: ReadonlyArray<readonly [ToolFormat, (template: string) => boolean]> = [
  [mistral, template => template.includes('[TOOL_CALLS]')],
  // Qwen3-Coder has parameters in tags of their own between the same tags.
  [hermes, template => template.includes('<tool_call>') && !template.includes('<function=')],
  [llama3, template => template.includes('<|python_tag|>') || (template.includes('<|start_header_id|>') && template.includes('"parameters"'))]
]

/** The format that a chat template teaches; undefined when it is none of those that are known. */
export function detectToolFormat (template: string): ToolFormat | undefined {
  return signs.find(([, fits]) => fits(template))?.[0]
}
