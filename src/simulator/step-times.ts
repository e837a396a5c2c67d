import { stepMs, type StepCosts } from '../profiler/step-costs.js'

/** How long steps take in a simulation, and what the scheduler is told of it. */
export interface StepTimes {
  /** The straight line that the scheduler plans with. */
  readonly costs: StepCosts
  /** Truth: ms of a step of so many prompt tokens and decoding sequences, with so much context between them. */
  ms (prefillTokens: number, decodes: number, contextTokens: number): number
}

export function linearTimes (costs: StepCosts): StepTimes {
  return { costs, ms: (prefillTokens, decodes, contextTokens) => stepMs(costs, prefillTokens, decodes, contextTokens) }
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
    costs: { fixedMs: fixedMs + weightsMs, prefillTokenMs: tokenMs, decodeMs: 0, contextTokenMs },
    ms: (prefillTokens, decodes, contextTokens) =>
      fixedMs + Math.max(weightsMs + contextTokenMs * contextTokens, tokenMs * (prefillTokens + decodes))
  }
}
