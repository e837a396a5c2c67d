import type { Choice, GenerationChunk, GenerationResult, TokenLogprob } from '../engine/api.js'
import { streamEnd, sumUsage, usageJson, type AnswerHead, type EventFormat } from './generation-request.js'
import { obfuscationField } from './obfuscation.js'
import { closingFields } from './timings.js'
import type { ServedEngine } from './served-engine.js'
import { CompletionLogprobs, type PromptToken } from './token-logprobs-json.js'

export interface CompletionOptions {
  readonly n: number
  /** Text of each prompt to begin its choices with; undefined = no echo. */
  readonly echoed: readonly string[] | undefined
  readonly logprobs: boolean
  readonly includeUsage: boolean
  readonly obfuscate: boolean
  readonly includeTimings: boolean
}

/** A whole answer: choice j of prompt i has the index i * n + j. */
export function completion (head: AnswerHead, results: readonly GenerationResult[], options: CompletionOptions, engine: ServedEngine): object {
  return {
    id: head.id,
    object: 'text_completion',
    created: head.created,
    model: head.model,
    system_fingerprint: null,
    choices: results.flatMap((result, i) => result.choices.map(choice => ({
      text: (options.echoed?.[i] ?? '') + choice.text,
      index: i * options.n + choice.index,
      logprobs: options.logprobs ? choiceLogprobs(choice, options.echoed === undefined ? [] : promptTokens(result, engine)) : null,
      finish_reason: choice.finishReason
    }))),
    usage: usageJson(sumUsage(results.map(({ usage }) => usage)))
  }
}

function choiceLogprobs (choice: Choice, prompt: ReadonlyArray<TokenLogprob | PromptToken>): object {
  return new CompletionLogprobs().next([...prompt, ...choice.logprobs ?? []])
}

/** The prompt's tokens; the first one's text has to be looked up, as it has no log-probability. */
function promptTokens (result: GenerationResult, engine: ServedEngine): Array<TokenLogprob | PromptToken> {
  return (result.promptLogprobs ?? []).map((entry, i) => {
    if (entry !== null) return entry
    const token = engine.detokenize(result.promptTokenIds.slice(i, i + 1))
    return { token, bytes: [...Buffer.from(token)], logprob: null }
  })
}

export class CompletionEvents implements EventFormat {
  readonly #prefix: string
  readonly #usageNull: string
  readonly #options: CompletionOptions
  readonly #logprobs = new Map<number, CompletionLogprobs>()

  constructor (head: AnswerHead, options: CompletionOptions) {
    this.#options = options
    this.#usageNull = options.includeUsage ? ',"usage":null' : ''
    this.#prefix = `data: {"id":${JSON.stringify(head.id)},"object":"text_completion","created":${head.created},` +
      `"model":${JSON.stringify(head.model)},"system_fingerprint":null,"choices":[`
  }

  /** The prompts, for an echo. */
  opening (): string {
    const { echoed, n } = this.#options
    return (echoed ?? []).flatMap((text, i) => Array.from({ length: n }, (_, j) => this.#event(i * n + j, text, 'null', 'null'))).join('')
  }

  chunk (chunk: GenerationChunk, generation: number): string {
    const index = generation * this.#options.n + chunk.index
    const logprobs = this.#options.logprobs ? JSON.stringify(this.#logprobsOf(index).next(chunk.logprobs ?? [])) : 'null'
    return this.#event(index, chunk.text, logprobs, chunk.finishReason === undefined ? 'null' : `"${chunk.finishReason}"`)
  }

  closing (results: readonly GenerationResult[]): string {
    const { includeUsage, includeTimings } = this.#options
    const usage = includeUsage ? usageJson(sumUsage(results.map(({ usage }) => usage))) : undefined
    const fields = closingFields(results, { usage, timings: includeTimings })
    return (fields === '' ? '' : `${this.#prefix}]${fields}}\n\n`) + streamEnd
  }

  #logprobsOf (index: number): CompletionLogprobs {
    let logprobs = this.#logprobs.get(index)
    if (logprobs === undefined) this.#logprobs.set(index, logprobs = new CompletionLogprobs())
    return logprobs
  }

  #event (index: number, text: string, logprobs: string, finishReason: string): string {
    const event = `${this.#prefix}{"text":${JSON.stringify(text)},"index":${index},"logprobs":${logprobs},"finish_reason":${finishReason}}]${this.#usageNull}`
    return `${event}${this.#options.obfuscate ? obfuscationField(event.length) : ''}}\n\n`
  }
}
