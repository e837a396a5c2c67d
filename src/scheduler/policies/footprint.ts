import { promptMs } from '../../profiler/step-costs.js'
import { waste } from '../min-waste.js'
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
const hiddenRatio = 0.8

/**
 * Memory times time that a sequence is expected to take from now to its end, in token-seconds: prompt,
 * answer, and its waits for tools, each by the cheapest of keeping, dropping and swapping its KV.
 */
export function footprintTokenSec (sequence: Sequence, view: PolicyView, waits: WaitCosts): number {
  const eachMs = tokenMs(sequence, view)
  const readMs = (position: number, tokens: number) => view.costs.fixedMs + promptMs(view.costs, position, tokens)
  let context = sequence.numTokens
  let tokenMsSum = readMs(0, context) * context
  const wait = (waitMs: number) => {
    const { keep, swap, discard } = waste({
      contextTokens: context,
      waitMs,
      otherTokens: waits.otherTokens,
      costs: view.costs,
      swap: { tokenMs: waits.swapTokenMs, hiddenRatio },
      hostFreeTokens: Infinity
    })
    return Math.min(keep, swap, discard)
  }
  const decode = (tokens: number) => {
    tokenMsSum += tokens * eachMs * (context + tokens / 2)
    context += tokens
  }
  for (const { tokens, durationMs, resultTokens } of sequence.toolForecasts) {
    decode(tokens)
    tokenMsSum += wait(durationMs) + readMs(context, resultTokens) * context
    context += resultTokens
  }
  decode(sequence.predictedRest)
  return tokenMsSum / 1000
}
