import { promptMs } from '../../profiler/step-costs.js'
import type { PolicyView } from '../policy.js'
import type { Sequence } from '../sequence.js'

/** Time of a new token in a full batch: as many sequences as there may be, or as the pool holds of this length. */
export function tokenMs (sequence: Sequence, view: PolicyView): number {
  const { costs, contextTokens } = view
  return costs.fixedMs + costs.decodeMs * decodesBeside(sequence, view) + costs.contextTokenMs * contextTokens
}

/** Sequences of this length in a full batch: slots and pool bound them. */
export function decodesBeside (sequence: Sequence, { maxNumSeqs, poolTokens }: PolicyView): number {
  return Math.max(1, Math.min(maxNumSeqs, poolTokens / (sequence.numTokens + sequence.predictedRest)))
}

/** From its next row to its last token. */
export function restMs (sequence: Sequence, view: PolicyView): number {
  return prefillMs(sequence, view) + sequence.predictedRest * tokenMs(sequence, view)
}

/** Of the tokens that have no KV: it may be parked, or copied to the host. */
export function prefillMs (sequence: Sequence, { costs }: PolicyView): number {
  const count = Math.max(0, sequence.remainingTokens - (sequence.parked?.tokens.length ?? 0))
  return promptMs(costs, Math.max(0, sequence.numTokens - count), count)
}

/** When it must start to keep its SLO, as far as predictions tell; Infinity = it has none that time can break. */
export function latestStartMs (sequence: Sequence, view: PolicyView): number {
  let latest = Infinity
  if (sequence.deadlineMs < Infinity) latest = sequence.deadlineMs - restMs(sequence, view)
  if (sequence.ttftDeadlineMs < Infinity && sequence.generatedTokens === 0) {
    latest = Math.min(latest, sequence.ttftDeadlineMs - prefillMs(sequence, view) - view.costs.fixedMs)
  }
  return latest
}
