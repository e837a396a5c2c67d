import { stepMs, type StepCosts, type StepWork } from '../profiler/step-costs.js'

/** How long steps take in a simulation, and what the scheduler is told of it. */
export interface StepTimes {
  /** The straight line that the scheduler plans with. */
  readonly costs: StepCosts
  /** Truth, in ms. */
  ms (work: StepWork): number
}

export function linearTimes (costs: StepCosts): StepTimes {
  return { costs, ms: work => stepMs(costs, work) }
}

/** A device that reads weights and KV while it computes: the longer of the two counts. */
export interface Roofline {
  /** Of a step, beside both. */
  readonly fixedMs: number
  /** Reading the weights. */
  readonly weightsMs: number
  /** Computing a token, of a prompt or decoded. */
  readonly tokenMs: number
  /** Reading the KV of one token of context. */
  readonly contextTokenMs: number
}

export function rooflineTimes (roofline: Roofline): StepTimes {
  const { fixedMs, weightsMs, tokenMs, contextTokenMs } = roofline
  return {
    costs: { fixedMs: fixedMs + weightsMs, prefillTokenMs: tokenMs, decodeMs: 0, contextTokenMs, prefillContextTokenMs: 0 },
    ms: ({ prefillTokens, decodes, contextTokens }) =>
      fixedMs + Math.max(weightsMs + contextTokenMs * contextTokens, tokenMs * (prefillTokens + decodes))
  }
}
