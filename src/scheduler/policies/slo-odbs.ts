import type { Policy } from '../policy.js'
import { latestStartMs } from './latest-start.js'

export interface SloOdbsOptions {
  /** A request is urgent when less than this is left until it must start. */
  readonly urgentMs: number
  /** The longest SLO that counts: after twice that, a request that is late, or has no SLO, goes to the front. */
  readonly maxSloMs: number
}

/** Ranks change this much after the moment at which slack is exactly at a bound, which still belongs to what was. */
const tickMs = 1e-3

/**
 * SLO-ODBS (UELLM) for continuous batching: urgent requests by slack, then the others by predicted length,
 * then those that cannot keep their SLO any more. Without padding and barriers a batch is a class of urgency.
 */
export function sloOdbs ({ urgentMs, maxSloMs }: SloOdbsOptions): Policy {
  return {
    name: 'slo-odbs',
    rank (sequence, view) {
      const { arrivalMs, predictedRest } = sequence
      const promotionMs = arrivalMs + 2 * maxSloMs
      const startMs = latestStartMs(sequence, view)
      // Without an SLO it ages like one that is late, yet comes before those that are.
      const isOnTime = startMs < Infinity && view.nowMs <= startMs
      sequence.rankTie = arrivalMs
      if (!isOnTime && view.nowMs > promotionMs) {
        sequence.rankClass = 0
        sequence.rankKey = Math.min(startMs, promotionMs)
        return Infinity
      }
      if (view.nowMs > startMs) {
        sequence.rankClass = 2
        sequence.rankKey = predictedRest
        return promotionMs + tickMs
      }
      if (view.nowMs > startMs - urgentMs) {
        sequence.rankClass = 0
        sequence.rankKey = startMs
        return startMs + tickMs
      }
      sequence.rankClass = 1
      sequence.rankKey = predictedRest
      sequence.rankTie = Math.min(startMs, promotionMs)
      return (isOnTime ? startMs - urgentMs : promotionMs) + tickMs
    }
  }
}
