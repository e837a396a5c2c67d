import { setTimeout as delay } from 'node:timers/promises'
import { EngineClosedError, InvalidParameterError, PromptTooLongError } from '../../src/core/errors.js'
import type {
  ChatOptions, Choice, CompleteOptions, EmbedOptions, EmbedResult, FinishReason, Generation, GenerationChunk, GenerationResult, RequestOptions, TokenLogprob,
  ToolCall
} from '../../src/engine/api.js'
import type { ServedEngine } from '../../src/server/served-engine.js'

export interface FakeEngineOptions {
  readonly modelName?: string
  readonly maxModelLen?: number
  /** Pieces of text that every answer consists of; each is one token. */
  readonly answer?: readonly string[]
  /** Of tools, behind the text of each answer. */
  readonly toolCalls?: readonly ToolCall[]
  /** Before each token of the answer. */
  readonly tokenMs?: number
  /** Before the first token. */
  readonly prefillMs?: number
  /** The generation fails with this instead of giving token `failAt`. */
  readonly failure?: Error
  /** What is wrong with every constraint. */
  readonly constraintError?: Error
  readonly failAt?: number
}

/**
 * An engine without a model: a token is a piece of a fixed answer, a prompt has a token for every
 * word. It does by the book what the server relies on, and remembers what it was asked.
 */
export class FakeEngine implements ServedEngine {
  readonly modelName: string
  readonly info: { readonly options: { readonly maxModelLen: number } }
  readonly chats: ChatOptions[] = []
  readonly completions: CompleteOptions[] = []
  readonly embeds: EmbedOptions[] = []
  /** Generations that have not ended. */
  running = 0
  /** Finish reasons of ended generations, in the order of their ends. */
  readonly ended: FinishReason[] = []
  isClosed = false
  options: FakeEngineOptions
  #steps = 0

  constructor (options: FakeEngineOptions = {}) {
    this.options = options
    this.modelName = options.modelName ?? 'fake'
    this.info = { options: { maxModelLen: options.maxModelLen ?? 4096 } }
  }

  chat (options: ChatOptions): Generation {
    this.chats.push(options)
    return this.#start(options, options.messages.map(message => message.content ?? '').join(' '))
  }

  complete (options: CompleteOptions): Generation {
    this.completions.push(options)
    return this.#start(options, options.prompt)
  }

  /** Four numbers for each input, told from its length. */
  async embed (options: EmbedOptions): Promise<EmbedResult> {
    this.embeds.push(options)
    const { input, dimensions = 4, signal, requestId = 'fake-request' } = options
    const inputs = (typeof input === 'string' || typeof input[0] === 'number' ? [input] : input) as Array<string | readonly number[]>
    if (dimensions > 4) throw new InvalidParameterError('dimensions', `dimensions is ${dimensions}; embeddings of this model have 1 to 4.`)
    await delay(this.options.prefillMs ?? 0)
    signal?.throwIfAborted()
    const embeddings = inputs.map(({ length }) => Float32Array.from([0.1, -0.2, length, 1e-20]).subarray(0, dimensions))
    return { requestId, embeddings, usage: { promptTokens: inputs.reduce((sum, { length }) => sum + length, 0), cachedTokens: 1 } }
  }

  /** A token is a character. */
  async tokenize (text: string): Promise<Int32Array> {
    return Int32Array.from(text, character => character.codePointAt(0)!)
  }

  async tokenizeChat (options: Pick<ChatOptions, 'messages'>): Promise<Int32Array> {
    return await this.tokenize(options.messages.map(({ role, content }) => `${role}:${content ?? ''}`).join('\n'))
  }

  detokenize (ids: ArrayLike<number>): string {
    return Array.from(ids, id => `<${id}>`).join('')
  }

  stats (): { steps: { steps: number } } {
    return { steps: { steps: this.#steps } }
  }

  #start (options: RequestOptions, prompt: string | readonly number[]): Generation {
    const promptTokens = typeof prompt === 'string' ? prompt.split(/\s+/) : prompt.map(id => `<${id}>`)
    return new FakeGeneration(this, options, promptTokens, () => { this.#steps++ })
  }
}

class FakeGeneration implements Generation {
  readonly requestId: string
  readonly accepted: Promise<void>
  readonly #engine: FakeEngine
  readonly #options: RequestOptions
  readonly #prompt: readonly string[]
  readonly #countStep: () => void
  readonly #aborter = new AbortController()
  readonly #chunks: GenerationChunk[] = []
  readonly #result: Promise<GenerationResult>
  #wake: () => void = () => {}
  #isDone = false

  constructor (engine: FakeEngine, options: RequestOptions, prompt: readonly string[], countStep: () => void) {
    this.requestId = options.requestId ?? 'fake-request'
    this.#engine = engine
    this.#options = options
    this.#prompt = prompt
    this.#countStep = countStep
    engine.running++
    if (options.signal?.aborted === true) this.abort()
    options.signal?.addEventListener('abort', () => { this.abort() }, { once: true })
    this.accepted = this.#check()
    this.#result = this.accepted.then(async () => await this.#run())
    this.accepted.catch(() => {})
    this.#result
      .then(({ choices }) => choices[0]!.finishReason, () => 'error' as const)
      .then(reason => {
        engine.running--
        engine.ended.push(reason)
        this.#isDone = true
        this.#wake()
      }, () => {})
  }

  async result (): Promise<GenerationResult> {
    return await this.#result
  }

  abort (): void {
    this.#aborter.abort()
  }

  async* [Symbol.asyncIterator] (): AsyncIterator<GenerationChunk> {
    try {
      while (!this.#isDone || this.#chunks.length > 0) {
        const chunk = this.#chunks.shift()
        if (chunk !== undefined) yield chunk
        else await new Promise<void>(resolve => { this.#wake = resolve })
      }
      await this.#result
    } finally {
      this.abort()
    }
  }

  async #check (): Promise<void> {
    await Promise.resolve()
    const { isClosed, info, options: { failure, failAt, constraintError } } = this.#engine
    if (isClosed) throw new EngineClosedError()
    const { maxModelLen } = info.options
    if (this.#prompt.length > maxModelLen) throw new PromptTooLongError(this.#prompt.length, maxModelLen, 'Shorten it.')
    if (constraintError !== undefined && this.#options.constraint !== undefined) throw constraintError
    if (failure !== undefined && failAt === undefined) throw failure
  }

  async #run (): Promise<GenerationResult> {
    await this.#pause(this.#engine.options.prefillMs)
    const numChoices = this.#options.n ?? 1
    const choices = await Promise.all(Array.from({ length: numChoices }, async (_, index) => await this.#choice(index)))
    const promptTokens = this.#prompt.length
    const completionTokens = choices.reduce((sum, choice) => sum + choice.tokenIds.length, 0)
    return {
      requestId: this.requestId,
      choices,
      usage: { promptTokens, completionTokens, cachedTokens: 0 },
      timeline: { queueMs: 0, prefillMs: 0, decodeMs: 0, preemptedMs: 0, toolMs: 0, e2eMs: 0, ttftMs: 0, preemptions: 0 },
      promptTokenIds: this.#prompt.map((_, i) => i),
      ...this.#options.promptLogprobs === true
        ? { promptLogprobs: this.#prompt.map((token, i) => i === 0 ? null : this.#logprob(i, token)) }
        : {}
    }
  }

  async #choice (index: number): Promise<Choice> {
    const { answer = ['Hello', ' there', '!'], tokenMs, failure, failAt, toolCalls } = this.#engine.options
    const { maxTokens = Infinity, ignoreEos } = this.#options
    const pieces = ignoreEos === true ? Array.from({ length: maxTokens }, (_, i) => answer[i % answer.length]!) : answer
    const text: string[] = []
    const logprobs: TokenLogprob[] = []
    let finishReason: FinishReason = 'stop'
    for (const [i, piece] of pieces.entries()) {
      await this.#pause(tokenMs)
      this.#countStep()
      if (this.#aborter.signal.aborted) finishReason = 'abort'
      else if (i >= maxTokens) finishReason = 'length'
      if (finishReason !== 'stop') break
      if (i === failAt) {
        this.#push({ index, text: '', tokenIds: [], finishReason: 'error' })
        throw failure!
      }
      const tokenLogprobs = this.#options.logprobs === true ? [this.#logprob(i, piece)] : undefined
      text.push(piece)
      logprobs.push(...tokenLogprobs ?? [])
      this.#push({ index, text: piece, tokenIds: [i], ...tokenLogprobs === undefined ? {} : { logprobs: tokenLogprobs } })
    }
    if (finishReason === 'stop' && ignoreEos === true) finishReason = 'length'
    if (finishReason === 'stop' && toolCalls !== undefined) {
      this.#push({ index, text: '', tokenIds: [], toolCallDeltas: toolCalls.map(({ id, name, argumentsText }) => ({ id, name, arguments: argumentsText, isComplete: true })) })
      this.#push({ index, text: '', tokenIds: [], toolCalls })
      finishReason = 'tool_calls'
    }
    this.#push({ index, text: '', tokenIds: [], finishReason })
    return {
      index,
      text: text.join(''),
      tokenIds: text.map((_, i) => i),
      finishReason,
      ...this.#options.logprobs === true ? { logprobs } : {},
      ...finishReason === 'tool_calls' ? { toolCalls: toolCalls! } : {}
    }
  }

  #push (chunk: GenerationChunk): void {
    this.#chunks.push(chunk)
    this.#wake()
  }

  /** Ends early when the generation is aborted. */
  async #pause (ms: number | undefined): Promise<void> {
    if (ms === undefined) await Promise.resolve()
    else await delay(ms, undefined, { signal: this.#aborter.signal }).catch(() => {})
  }

  #logprob (tokenId: number, token: string): TokenLogprob {
    const entry = { tokenId, token, bytes: [...Buffer.from(token)], logprob: -0.5 }
    const others = Array.from({ length: this.#options.topLogprobs ?? 0 }, (_, i) => i === 0
      ? entry
      : { tokenId: 100 + i, token: `other${i}`, bytes: [...Buffer.from(`other${i}`)], logprob: i === 1 ? -1 : -9999 })
    return { ...entry, top: others }
  }
}
