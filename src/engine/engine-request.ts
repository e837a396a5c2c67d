import type { SamplingParams } from '../core/sampling-params.js'
import type { LengthPrediction } from '../profiler/length-predictor.js'
import type { FinishReason, Forecast, GenerationResult, Timeline, TokenLogprob } from './api.js'
import type { EngineSequence } from './engine-sequence.js'
import { isSloMet } from './slo.js'
import { RunningGeneration } from './running-generation.js'

export interface RequestHooks {
  /** The caller wants it to end. */
  onAbort (request: EngineRequest): void
  /** It has ended, in whatever way; `result` is missing when it failed or was never queued. */
  onEnd (request: EngineRequest, result: GenerationResult | undefined): void
}

/** One call of `chat` or `complete`, from its arrival to its result. */
export class EngineRequest {
  readonly arrivalMs: number
  readonly generation: RunningGeneration
  readonly #hooks: RequestHooks
  readonly #signal: AbortSignal | undefined
  readonly #onSignal = (): void => { this.generation.abort() }
  #isEnded = false
  #deliveredChoices = 0
  /** Set when the request is queued. */
  sequences: readonly EngineSequence[] = []
  promptIds: Int32Array = new Int32Array(0)
  params: SamplingParams | undefined
  promptLogprobs: Array<TokenLogprob | null> | undefined
  firstTokenMs: number | undefined
  /** Of each of its answers. */
  prediction: LengthPrediction | undefined
  forecast: Forecast | undefined
  /** Names of the tools that it may call. */
  tools: readonly string[] = []

  constructor (requestId: string, arrivalMs: number, signal: AbortSignal | undefined, hooks: RequestHooks) {
    this.arrivalMs = arrivalMs
    this.#hooks = hooks
    this.#signal = signal
    this.generation = new RunningGeneration(requestId, () => { if (!this.#isEnded) hooks.onAbort(this) })
    signal?.addEventListener('abort', this.#onSignal)
  }

  get isEnded (): boolean {
    return this.#isEnded
  }

  /** Ends it before it was queued: there are no tokens. */
  endUnqueued (reason: FinishReason, nowMs: number, choices: number): void {
    for (let index = 0; index < choices; index++) this.generation.push({ index, text: '', tokenIds: [], finishReason: reason })
    const waitedMs = nowMs - this.arrivalMs
    this.#end()
    this.generation.finish({
      requestId: this.generation.requestId,
      choices: Array.from({ length: choices }, (_, index) => ({ index, text: '', tokenIds: [], finishReason: reason })),
      usage: { promptTokens: this.promptIds.length, completionTokens: 0, cachedTokens: 0 },
      timeline: { queueMs: waitedMs, prefillMs: 0, decodeMs: 0, preemptedMs: 0, e2eMs: waitedMs, ttftMs: undefined, preemptions: 0 },
      promptTokenIds: Array.from(this.promptIds)
    })
  }

  /** Sends what the sequence has to send, and the result when it was the last one to end. */
  deliver (sequence: EngineSequence): void {
    const chunk = sequence.output.take(sequence.finishReason)
    if (chunk !== undefined) this.generation.push(chunk)
    if (sequence.finishReason !== undefined && ++this.#deliveredChoices === this.sequences.length) this.#finish()
  }

  fail (error: Error): void {
    if (this.#isEnded) return
    this.#end()
    this.generation.fail(error)
  }

  #finish (): void {
    if (this.#isEnded) return
    const result = this.#result()
    this.#end(result)
    this.generation.finish(result)
  }

  #end (result?: GenerationResult): void {
    this.#isEnded = true
    this.#signal?.removeEventListener('abort', this.#onSignal)
    this.#hooks.onEnd(this, result)
  }

  #result (): GenerationResult {
    const { sequences } = this
    const timeline = this.#timeline()
    const sloMet = isSloMet(sequences[0]!.slo, { ...timeline, outputTokens: Math.max(...sequences.map(sequence => sequence.generatedTokens)) })
    return {
      requestId: this.generation.requestId,
      choices: sequences.map(sequence => sequence.output.choice()),
      usage: {
        promptTokens: this.promptIds.length,
        completionTokens: sequences.reduce((sum, sequence) => sum + sequence.generatedTokens, 0),
        cachedTokens: sequences[0]!.cachedTokens ?? 0
      },
      timeline,
      ...this.forecast === undefined ? {} : { forecast: this.forecast },
      ...sloMet === undefined ? {} : { sloMet },
      ...this.promptLogprobs === undefined ? {} : { promptLogprobs: this.promptLogprobs },
      promptTokenIds: Array.from(this.promptIds)
    }
  }

  /** That of the sequence that ended last: its parts sum to the request's time. */
  #timeline (): Timeline {
    const last = this.sequences.reduce((latest, other) => other.clock.stoppedMs! > latest.clock.stoppedMs! ? other : latest)
    const { queue, prefill, decode, preempted } = last.clock.spentMs
    return {
      queueMs: queue,
      prefillMs: prefill,
      decodeMs: decode,
      preemptedMs: preempted,
      e2eMs: last.clock.stoppedMs! - this.arrivalMs,
      ttftMs: this.firstTokenMs === undefined ? undefined : this.firstTokenMs - this.arrivalMs,
      preemptions: this.sequences.reduce((sum, sequence) => sum + sequence.preemptions, 0)
    }
  }
}
