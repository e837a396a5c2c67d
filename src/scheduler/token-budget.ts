import { decodeStepMs, promptTokensWithin, type StepCosts } from '../profiler/step-costs.js'

/** What there is to know when a plan is sized. */
export interface BudgetInput {
  /** The most tokens that a step can take. */
  readonly maxBatchTokens: number
  /** Sequences that will decode in this plan, and the tokens of context that they attend to. */
  readonly decodes: number
  readonly contextTokens: number
  /** Where the next prompt tokens stand in their sequence: they attend to what is before them. */
  readonly promptPosition: number
  /** The shortest time per token that one of them wants; Infinity = none says. */
  readonly tpotSloMs: number
  readonly costs: StepCosts
}

/** Tokens of the next plan: 1 to `maxBatchTokens`. */
export type TokenBudget = (input: BudgetInput) => number

export const fullBudget: TokenBudget = input => input.maxBatchTokens

export interface StepTimeOptions {
  /** What a step may take while sequences decode, in ms; missing = see `stepTimeBudget`. */
  readonly targetMs?: number
  /** Prompt tokens that a step takes at least, whatever they cost: no prompt starves. */
  readonly minPrefillTokens?: number
}

/** A step with prompts takes this many times one without, at most, unless a time is given. */
const defaultStretch = 3
const defaultFloorMs = 60
/** Of the time per token that a request wants, a step may take this share: there are gaps between steps. */
const tpotShare = 0.6

/**
 * As many prompt tokens as let the step end in time for those who decode, by the measured costs of
 * steps. Where nobody decodes there is nobody to keep waiting, and the step is as large as it can be.
 *
 * The target is the given one; else three times what the step takes without prompts, at least 60 ms;
 * and never more than 0.6 of the time per token that a decoding request has as its SLO.
 */
export function stepTimeBudget (options: StepTimeOptions = {}): TokenBudget {
  const { targetMs, minPrefillTokens = 64 } = options
  return ({ maxBatchTokens, decodes, contextTokens, promptPosition, tpotSloMs, costs }) => {
    if (decodes === 0) return maxBatchTokens
    const decodeMs = decodeStepMs(costs, decodes, contextTokens)
    const wantedMs = Math.min(targetMs ?? Math.max(defaultFloorMs, defaultStretch * decodeMs), tpotShare * tpotSloMs)
    const prefillTokens = Math.floor(promptTokensWithin(costs, promptPosition, wantedMs - decodeMs) / 16) * 16
    return decodes + Math.max(minPrefillTokens, prefillTokens)
  }
}
