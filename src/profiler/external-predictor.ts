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
  readonly probabilities: readonly number[]
}

/** What is wrong with an answer, or undefined. Whatever came over a network may be anything. */
export function faultOf (answer: unknown): string | undefined {
  const probabilities: unknown = (answer as ExternalAnswer | null | undefined)?.probabilities
  if (!Array.isArray(probabilities) || probabilities.length !== numBuckets) return `probabilities must be a list of ${numBuckets} numbers`
  let sum = 0
  for (const [bucket, p] of (probabilities as unknown[]).entries()) {
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

  /** An error, no answer in time, or one with a fault. */
  failed (nowMs: number): void {
    this.failures++
    this.#inARow++
    if (this.#inARow >= failuresBeforePause) this.#closedUntilMs = nowMs + this.#pauseMs()
  }

  #pauseMs (): number {
    return Math.min(longestPauseMs, firstPauseMs * 2 ** Math.max(0, this.#inARow - failuresBeforePause))
  }
}
