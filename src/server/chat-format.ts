import type { Choice, GenerationChunk, GenerationResult } from '../engine/api.js'
import { streamEnd, usageJson, type AnswerHead, type EventFormat } from './generation-request.js'
import { obfuscationField } from './obfuscation.js'
import { closingFields } from './timings.js'
import { chatLogprobs } from './token-logprobs-json.js'
import { ToolCallDeltas, toolCallsJson } from './tool-calls-json.js'

/** A whole answer. */
export function chatCompletion (head: AnswerHead, result: GenerationResult, includeReasoning = true): object {
  return {
    id: head.id,
    object: 'chat.completion',
    created: head.created,
    model: head.model,
    system_fingerprint: null,
    choices: result.choices.map(choice => ({
      index: choice.index,
      message: messageJson(choice, includeReasoning),
      logprobs: chatLogprobs(choice.logprobs),
      finish_reason: choice.finishReason
    })),
    usage: usageJson(result.usage)
  }
}

function messageJson ({ text, reasoning, toolCalls = [] }: Choice, includeReasoning: boolean): object {
  const hasCalls = toolCalls.length > 0
  return {
    role: 'assistant',
    content: hasCalls && text === '' ? null : text,
    refusal: null,
    ...reasoning === undefined || !includeReasoning ? {} : reasoningJson(reasoning),
    ...hasCalls ? { tool_calls: toolCallsJson(toolCalls) } : {}
  }
}

/** Under both names that clients look for. */
function reasoningJson (reasoning: string): object {
  return { reasoning_content: reasoning, reasoning }
}

export interface ChatEventOptions {
  readonly n: number
  readonly includeUsage: boolean
  readonly obfuscate: boolean
  readonly includeReasoning: boolean
  readonly includeTimings: boolean
}

/** The events of a streamed answer; what is alike in all of them is written once. */
export class ChatEvents implements EventFormat {
  readonly #prefix: string
  readonly #usageNull: string
  readonly #options: ChatEventOptions
  /** Of each choice that calls tools. */
  readonly #calls = new Map<number, ToolCallDeltas>()

  constructor (head: AnswerHead, options: ChatEventOptions) {
    this.#options = options
    this.#usageNull = options.includeUsage ? ',"usage":null' : ''
    this.#prefix = `data: {"id":${JSON.stringify(head.id)},"object":"chat.completion.chunk","created":${head.created},` +
      `"model":${JSON.stringify(head.model)},"system_fingerprint":null,"choices":[`
  }

  opening (): string {
    let events = ''
    for (let index = 0; index < this.#options.n; index++) events += this.#event(index, '{"role":"assistant","content":""}', 'null', 'null')
    return events
  }

  chunk ({ index, text, reasoning, logprobs, toolCallDeltas, finishReason }: GenerationChunk): string {
    let events = ''
    if (reasoning !== undefined && this.#options.includeReasoning) events += this.#event(index, JSON.stringify(reasoningJson(reasoning)), 'null', 'null')
    const hasContent = text !== '' || (logprobs !== undefined && logprobs.length > 0)
    if (hasContent) {
      events += this.#event(index, `{"content":${JSON.stringify(text)}}`, logprobs === undefined ? 'null' : JSON.stringify(chatLogprobs(logprobs)), 'null')
    }
    if (toolCallDeltas !== undefined) {
      const deltas = toolCallDeltas.flatMap(delta => this.#callsOf(index).next(delta))
      for (const delta of deltas) events += this.#event(index, delta, 'null', 'null')
    }
    return finishReason === undefined ? events : events + this.#event(index, '{}', 'null', `"${finishReason}"`)
  }

  closing (results: readonly GenerationResult[]): string {
    const { includeUsage, includeTimings } = this.#options
    const fields = closingFields(results, { usage: includeUsage ? usageJson(results[0]!.usage) : undefined, timings: includeTimings })
    return (fields === '' ? '' : `${this.#prefix}]${fields}}\n\n`) + streamEnd
  }

  #callsOf (index: number): ToolCallDeltas {
    let calls = this.#calls.get(index)
    if (calls === undefined) this.#calls.set(index, calls = new ToolCallDeltas())
    return calls
  }

  #event (index: number, delta: string, logprobs: string, finishReason: string): string {
    const event = `${this.#prefix}{"index":${index},"delta":${delta},"logprobs":${logprobs},"finish_reason":${finishReason}}]${this.#usageNull}`
    return `${event}${this.#options.obfuscate ? obfuscationField(event.length) : ''}}\n\n`
  }
}
