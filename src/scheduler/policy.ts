import type { StepCosts } from '../profiler/step-costs.js'
import type { Sequence } from './sequence.js'

/** What a policy may look at beside the sequence itself. One object, rewritten for each plan. */
export interface PolicyView {
  nowMs: number
  /** What steps cost here. */
  costs: StepCosts
  /** Sequences that hold blocks at most, and those that do. */
  maxNumSeqs: number
  running: number
  waiting: number
  /** KV tokens that the pool holds, and the share of them that nobody uses (0 to 1). */
  poolTokens: number
  freeRatio: number
  /** KV tokens of the running sequences. */
  contextTokens: number
}

/**
 * Decides who is next; memory and correctness are the scheduler's. Each sequence has a rank of three
 * numbers, compared in order, the lowest first; equal ranks go by id, so the order is total.
 */
export interface Policy {
  readonly name: string
  /**
   * Writes the sequence's rank (`rankClass`, `rankKey`, `rankTie`: finite numbers) and returns until
   * when it holds: the time of its next change by itself, Infinity = never. Of a running sequence it
   * tells who is preempted: the highest.
   */
  rank (sequence: Sequence, view: PolicyView): number
  /** Whether `needy`, which waits, may take the slot or the blocks of `running`. Missing = never. */
  mayPreempt? (needy: Sequence, running: Sequence, view: PolicyView): boolean
}

/** Negative when `a` is before `b`. */
export function compareRanks (a: Sequence, b: Sequence): number {
  if (a.rankClass !== b.rankClass) return a.rankClass - b.rankClass
  if (a.rankKey !== b.rankKey) return a.rankKey - b.rankKey
  if (a.rankTie !== b.rankTie) return a.rankTie - b.rankTie
  return a.id - b.id
}
