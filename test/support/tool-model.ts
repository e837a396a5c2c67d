import type { ChatMessage } from '../../src/engine/api.js'
import type { Engine } from '../../src/engine/engine.js'
import type { EngineParts } from '../../src/engine/engine-model.js'
import { scriptedEngine, type ScriptedModel, type ScriptedModelOptions } from './scripted-model.js'

const printable = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i))
/** Token 0 ends an answer; markup is a token each, and so is every character. */
const vocabulary = ['<end>', '<tool_call>', '</tool_call>', '<user>', '<assistant>', '<tool>', '<system>', '\n', ...printable]

/** How a model of the Hermes form writes a call. */
export function calling (name: string, args: unknown = {}): string {
  return `<tool_call>\n${JSON.stringify({ name, arguments: args })}\n</tool_call>`
}

interface Rendered extends ChatMessage {
  readonly tool_calls?: ReadonlyArray<{ function: { name: string, arguments: unknown } }>
}

/** The conversation as the model sees it, up to its own next words. */
function render (messages: readonly unknown[]): string {
  const turns = (messages as Rendered[]).map(({ role, content, reasoning_content: thought, tool_calls: calls = [] }) =>
    `<${role}>${thought === undefined ? '' : `<think>\n${thought}\n</think>\n\n`}${[content ?? '', ...calls.map(({ function: { name, arguments: args } }) => calling(name, args))].filter(part => part !== '').join('\n')}<end>`)
  return `${turns.join('')}<assistant>`
}

export interface ToolModelOptions extends Omit<ScriptedModelOptions, 'next'> {
  /** What the model writes after this conversation. */
  readonly answer: (conversation: string) => string
  readonly maxModelLen?: number
  /** Its template shows thoughts: 'open' begins the answer with them. */
  readonly thinks?: 'free' | 'open'
  readonly extra?: Partial<EngineParts>
}

/** An engine whose model reads the conversation as text and answers by rule. */
export function toolEngine ({ answer, maxModelLen = 4096, thinks, extra = {}, ...options }: ToolModelOptions): { engine: Engine, model: ScriptedModel } {
  const answers = new WeakMap<readonly number[], number[]>()
  const next = (promptIds: readonly number[], generated: readonly number[]): number => {
    let ids = answers.get(promptIds)
    if (ids === undefined) answers.set(promptIds, ids = tokensOf(answer(promptIds.map(id => vocabulary[id]!).join(''))))
    return ids[generated.length] ?? 0
  }
  return scriptedEngine(vocabulary, { blocks: 2048, ...options, next }, {
    chatTemplate: {
      render: async ({ messages }) => ({ text: `${render(messages)}${thinks === 'open' ? '<think>\n' : ''}`, guard: undefined }),
      source: () => thinks === undefined ? '<tool_call>' : '<tool_call></think>',
      close: async () => {}
    },
    ...extra
  }, { maxModelLen })
}

function tokensOf (text: string): number[] {
  const ids: number[] = []
  for (let rest = text; rest !== '';) {
    const id = vocabulary.findIndex(token => rest.startsWith(token))
    if (id < 0) throw new Error(`no token for ${rest}`)
    ids.push(id)
    rest = rest.slice(vocabulary[id]!.length)
  }
  return ids
}
