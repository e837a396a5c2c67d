import type { PolicyView } from '../policy.js'
import type { Sequence } from '../sequence.js'
import { tokenMs } from './latest-start.js'

export interface WaitCosts {
  /** KV tokens of other sequences that a recomputation or a swap delays. */
  readonly otherTokens: number
  /** Moving one token's KV to the host or back; Infinity = cannot be done. */
  readonly swapTokenMs: number
}

/** Share of a copy's time that computing hides. */
const hiddenShare = 0.8

/**
 * Memory times time that a sequence is expected to take from now to its end, in token-seconds: prompt,
 * answer, and its waits for tools, each by the cheapest of keeping, dropping and swapping its KV.
 */
export function footprintTokenSec (sequence: Sequence, view: PolicyView, waits: WaitCosts): number {
  const eachMs = tokenMs(sequence, view)
  const prefillMs = (tokens: number) => view.costs.fixedMs + view.costs.prefillTokenMs * tokens
  let context = sequence.numTokens
  let tokenMsSum = prefillMs(context) * context
  const decode = (tokens: number) => {
    tokenMsSum += tokens * eachMs * (context + tokens / 2)
    context += tokens
  }
  for (const { tokens, durationMs, resultTokens } of sequence.toolForecasts) {
    decode(tokens)
    tokenMsSum += leastWaste(context, durationMs, view, waits) + prefillMs(resultTokens) * context
    context += resultTokens
  }
  decode(sequence.predictedRest)
  return tokenMsSum / 1000
}

/** Token-ms that a wait wastes when its KV is handled in the best way (min-waste, InferCept). */
function leastWaste (context: number, durationMs: number, { costs }: PolicyView, { otherTokens, swapTokenMs }: WaitCosts): number {
  const computeMs = costs.prefillTokenMs * context
  const keep = context * durationMs
  const discard = (costs.fixedMs + computeMs) * context / 2 + computeMs * otherTokens
  const swapMs = swapTokenMs * context
  const canSwap = durationMs > 2 * swapMs
  const swap = canSwap ? swapMs * context + 2 * swapMs * (1 - hiddenShare) * otherTokens : Infinity
  return Math.min(keep, discard, swap)
}
