import { numBuckets } from './length-buckets.js'
import { summarize, type LengthPrediction } from './length-predictor.js'
import type { LengthRequest } from './text-features.js'

/** A predictor of somebody else: a small model, a service. It is asked within a time limit; without an answer ours holds. */
export interface ExternalLengthPredictor {
  /** @param signal aborted at the time limit */
  predict (request: LengthRequest, signal: AbortSignal): Promise<ExternalAnswer>
}

export interface ExternalAnswer {
  /** (numBuckets,): of each bucket, none negative, with a sum of 1. */
  readonly probabilities: readonly number[] | Float32Array | Float64Array
}

/** What is wrong with an answer, or undefined. Whatever came over a network may be anything. */
export function faultOf (answer: unknown): string | undefined {
  const probabilities: unknown = (answer as ExternalAnswer | null | undefined)?.probabilities
  const isList = Array.isArray(probabilities) || probabilities instanceof Float32Array || probabilities instanceof Float64Array
  if (!isList || probabilities.length !== numBuckets) return `probabilities must be a list of ${numBuckets} numbers`
  let sum = 0
  for (const [bucket, p] of Array.from<unknown>(probabilities).entries()) {
    if (typeof p !== 'number' || !(p >= 0 && p <= 1)) return `probabilities[${bucket}] is ${String(p)}; it must be in [0, 1]`
    sum += p
  }
  return Math.abs(sum - 1) > 1e-3 ? `probabilities sum to ${sum}; they must sum to 1` : undefined
}

/**
 * The prediction to go by: the external one with a sound answer, else ours. Features stay ours, so that
 * ours learns from each answer and is there when the other one is not.
 *
 * @param coverage share of answers that `reservedTokens` should cover
 */
export function choosePrediction (ours: LengthPrediction, answer: ExternalAnswer | undefined, coverage: number, maxTokens: number): LengthPrediction {
  if (answer === undefined || faultOf(answer) !== undefined) return ours
  return summarize(Float32Array.from(answer.probabilities), coverage, maxTokens, ours.previousTokens, ours.features)
}

const firstPauseMs = 1000
const longestPauseMs = 60_000
const failuresBeforePause = 3

/**
 * Whether the external predictor is worth asking: after three failures in a row not for a second, then
 * one request tries it; each further failure doubles the pause, up to a minute.
 */
export class ExternalGate {
  failures = 0
  #inARow = 0
  #closedSinceMs = -Infinity
  #closedUntilMs = -Infinity

  isOpen (nowMs: number): boolean {
    return nowMs >= this.#closedUntilMs
  }

  /** One goes out. While it fails in a row, no other may until that one is back. */
  asked (nowMs: number): void {
    if (this.#inARow >= failuresBeforePause) this.#closedUntilMs = nowMs + this.#pauseMs()
  }

  succeeded (): void {
    this.#inARow = 0
    this.#closedUntilMs = -Infinity
  }

  /**
   * An error, no answer in time, or one with a fault. Those that were out together when the pause began count
   * as one: they tell the same trouble. True when a pause begins with it that was none before.
   */
  failed (nowMs: number, askedMs = nowMs): boolean {
    this.failures++
    if (askedMs < this.#closedSinceMs) return false
    this.#inARow++
    if (this.#inARow < failuresBeforePause) return false
    this.#closedSinceMs = nowMs
    this.#closedUntilMs = nowMs + this.#pauseMs()
    return this.#inARow === failuresBeforePause
  }

  #pauseMs (): number {
    return Math.min(longestPauseMs, firstPauseMs * 2 ** Math.max(0, this.#inARow - failuresBeforePause))
  }
}
