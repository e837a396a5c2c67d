import type { Sequence } from './sequence.js'

/** What a policy may look at when it sizes a plan. */
export interface BudgetInput {
  readonly nowMs: number
  /** The most tokens that a step can take. */
  readonly maxBatchTokens: number
  /** Sequences that will decode in this plan. */
  readonly decodes: number
}

/** The decisions of a scheduler that are matters of taste; memory and correctness are not. */
export interface Policy {
  readonly name: string
  /**
   * Negative when `a` runs before `b`. A total order: ties break by id. The result for two sequences
   * does not change while they wait.
   */
  compare (a: Sequence, b: Sequence): number
  /** Which of the running sequences to preempt when `needy` finds no block; `candidates` is not empty. */
  victim (candidates: readonly Sequence[], needy: Sequence): Sequence
  /** Tokens of the next plan: 1 to `maxBatchTokens`. */
  budget (input: BudgetInput): number
}

/** First come, first served; the youngest is preempted. */
export const fcfs: Policy = {
  name: 'fcfs',
  compare: byArrival,
  victim: candidates => candidates.reduce((youngest, other) => byArrival(other, youngest) > 0 ? other : youngest),
  budget: input => input.maxBatchTokens
}

function byArrival (a: Sequence, b: Sequence): number {
  return a.arrivalMs - b.arrivalMs || a.id - b.id
}
