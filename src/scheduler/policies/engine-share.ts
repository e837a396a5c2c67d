import { promptMs } from '../../profiler/step-costs.js'
import type { PolicyView } from '../policy.js'
import type { Sequence } from '../sequence.js'
import { decodesBeside, prefillMs } from './latest-start.js'

/**
 * What a sequence takes of the engine from now to its end, as the time for which it would take all of it:
 * its prompt, and of each step its own costs and one share of the rest. As many share a step as slots and
 * pool allow, so a long sequence, which leaves room for few others, takes more. Calls of tools count with
 * what is computed for them.
 */
export function engineShareMs (sequence: Sequence, view: PolicyView): number {
  const { fixedMs, decodeMs, contextTokenMs } = view.costs
  const tokenMs = fixedMs / decodesBeside(sequence, view) + decodeMs
  let context = sequence.numTokens
  let shareMs = prefillMs(sequence, view)
  const decode = (tokens: number) => {
    shareMs += tokens * (tokenMs + contextTokenMs * (context + tokens / 2))
    context += tokens
  }
  for (const { tokens, resultTokens } of sequence.toolForecasts) {
    decode(tokens)
    shareMs += promptMs(view.costs, context, resultTokens)
    context += resultTokens
  }
  decode(sequence.predictedRest)
  return shareMs
}
