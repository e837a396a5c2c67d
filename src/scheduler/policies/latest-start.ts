import type { PolicyView } from '../policy.js'
import type { Sequence } from '../sequence.js'

/** Time of a new token in a full batch: as many sequences as there may be, or as the pool holds of this length. */
export function tokenMs (sequence: Sequence, { costs, maxNumSeqs, poolTokens, contextTokens }: PolicyView): number {
  const fitting = poolTokens / (sequence.numTokens + sequence.predictedRest)
  const decodes = Math.max(1, Math.min(maxNumSeqs, fitting))
  return costs.fixedMs + costs.decodeMs * decodes + costs.contextTokenMs * contextTokens
}

/** From its next row to its last token. */
export function restMs (sequence: Sequence, view: PolicyView): number {
  return prefillMs(sequence, view) + sequence.predictedRest * tokenMs(sequence, view)
}

/** Tokens without KV, as prompt. */
export function prefillMs (sequence: Sequence, { costs }: PolicyView): number {
  return costs.prefillTokenMs * sequence.remainingTokens
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
