import type { ChatOptions } from '../engine/api.js'
import { InvalidParameterError } from './errors.js'
import type { ToolChoice, ToolFields } from './schemas/tool-fields.js'

type ToolOptions = Pick<ChatOptions, 'tools' | 'toolChoice' | 'allowedTools' | 'parallelToolCalls'>
type ToolDefinition = NonNullable<ToolFields['tools']>[number]

/** Of all definitions as JSON. The template renders them, and every request of a conversation brings them. */
const maxDefinitionChars = 2 ** 20

/**
 * The engine's options for the tools of a request. They are the caller's, whatever their names: tools that
 * the server's program has registered do not run for requests over HTTP.
 *
 * @throws InvalidParameterError
 */
export function toolOptions ({ tools = [], tool_choice: choice, parallel_tool_calls: parallelToolCalls }: ToolFields): ToolOptions {
  if (choice === 'none') return {}
  if (tools.length === 0) {
    if (choice !== undefined) throw new InvalidParameterError('tool_choice', 'tool_choice needs tools to choose from.')
    return {}
  }
  const definitions = tools.map(definitionOf)
  const { length } = JSON.stringify(definitions)
  if (length > maxDefinitionChars) {
    throw new InvalidParameterError('tools', `tools has ${length} characters; at most ${maxDefinitionChars} are taken. Send fewer or shorter definitions.`)
  }
  return { tools: definitions, parallelToolCalls, ...choiceOptions(choice, new Set(tools.map(tool => tool.function.name))) }
}

/** As models have seen them in training: nothing but these fields, in this order. */
function definitionOf ({ function: { name, description, parameters } }: ToolDefinition): object {
  return {
    type: 'function',
    function: { name, ...description == null ? {} : { description }, parameters: parameters ?? { type: 'object', properties: {} } }
  }
}

function choiceOptions (choice: ToolChoice | undefined, names: ReadonlySet<string>): Omit<ToolOptions, 'tools'> {
  if (typeof choice !== 'object') return { toolChoice: choice === 'required' ? 'required' : undefined }
  if (choice.type === 'allowed_tools') {
    const { mode, tools } = choice.allowed_tools
    const allowedTools = tools.map((tool, i) => known(tool.function.name, `tool_choice.allowed_tools.tools[${i}]`, names))
    return { toolChoice: mode, allowedTools }
  }
  return { toolChoice: 'required', allowedTools: [known(choice.function.name, 'tool_choice', names)], parallelToolCalls: false }
}

function known (name: string, path: string, names: ReadonlySet<string>): string {
  if (names.has(name)) return name
  throw new InvalidParameterError(`${path}.function.name`, `${path} names ${name}, which is not among tools: ${[...names].slice(0, 20).join(', ')}.`)
}
