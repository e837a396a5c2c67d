import { Reading } from './reading.js'
import type { SimulatedSequence } from './simulated-sequence.js'
import type { RequestResult } from './request-result.js'
import { totalOutputTokens, type TraceRequest } from './trace-request.js'

/** A request on its way through the simulation. */
export class RequestProgress {
  readonly index: number
  readonly request: TraceRequest
  /** Tools that it has called so far, which is the number of its turn. */
  turn = 0
  /** Missing where a tool interrupts the reading. */
  readonly #reading: Reading | undefined
  #firstTokenMs = NaN
  #outputTokens = 0
  #queueMs = 0
  #toolMs = 0
  #preemptions = 0
  #cachedTokens = 0

  constructor (index: number, request: TraceRequest) {
    this.index = index
    this.request = request
    const { arrivalMs, outputTokens, tools, readingTokensPerSec } = request
    if (tools === undefined) this.#reading = new Reading(arrivalMs, outputTokens, readingTokensPerSec)
  }

  /** What it says in this turn. */
  get turnTokens (): number {
    return this.request.tools?.[this.turn]?.tokens ?? this.request.outputTokens
  }

  onToken (nowMs: number): void {
    if (Number.isNaN(this.#firstTokenMs)) this.#firstTokenMs = nowMs
    this.#reading?.onToken(nowMs)
  }

  onTurnEnd (sequence: SimulatedSequence): void {
    this.#outputTokens += sequence.generatedTokens
    // With the request's arrival, a later turn's queue would begin before the turns before it.
    this.#queueMs += sequence.clock.spentMs.queue - Math.max(0, sequence.queuedMs - sequence.arrivalMs)
    this.#preemptions += sequence.preemptions
    if (this.turn === 0) this.#cachedTokens = sequence.cachedTokens ?? 0
  }

  onTool (durationMs: number): void {
    this.turn++
    this.#toolMs += durationMs
  }

  finished (nowMs: number): RequestResult {
    return this.#result(nowMs, undefined)
  }

  failed (reason: string): RequestResult {
    return this.#result(NaN, reason)
  }

  #result (endMs: number, failure: string | undefined): RequestResult {
    const { arrivalMs, promptTokens, slo = {} } = this.request
    return {
      index: this.index,
      arrivalMs,
      promptTokens,
      outputTokens: failure === undefined ? this.#outputTokens : totalOutputTokens(this.request),
      slo,
      failure,
      ttftMs: this.#firstTokenMs - arrivalMs,
      e2eMs: endMs - arrivalMs,
      queueMs: this.#queueMs,
      toolMs: this.#toolMs,
      preemptions: this.#preemptions,
      cachedTokens: this.#cachedTokens,
      ...this.#reading !== undefined && { qoe: this.#reading.qoe }
    }
  }
}
