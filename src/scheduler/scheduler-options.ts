import type { StepCosts } from '../profiler/step-costs.js'
import type { BlockPool } from './block-pool.js'
import type { SwapCosts } from './min-waste.js'
import type { PacingOptions } from './pacing.js'
import type { ParkedStats } from './parked-kv.js'
import type { Policy } from './policy.js'
import type { SpeculationStats } from './speculation.js'
import type { Sequence } from './sequence.js'
import type { TokenBudget } from './token-budget.js'

export interface SchedulerOptions<S extends Sequence> {
  readonly pool: BlockPool
  /** Rows of a plan at most; without pacing, also sequences that hold blocks. */
  readonly maxNumSeqs: number
  /** Tokens of a plan at most; at least `maxNumSeqs`, so that every running sequence can decode. */
  readonly maxBatchTokens: number
  /** Longest sequence, prompt and output together, in tokens. */
  readonly maxSequenceTokens: number
  /** Plans that may be uncommitted at once; 2. */
  readonly maxOutstanding?: number
  readonly policy?: Policy
  readonly budget?: TokenBudget
  /** Missing = every running sequence decodes in every plan. */
  readonly pacing?: PacingOptions
  /** Tokens are drafted for sequences with `maxDraftTokens`; not with pacing. */
  readonly speculates?: boolean
  /**
   * Share of the blocks that running sequences are expected to grow by which an admission leaves free
   * (0 to 1; 0). One block for each is left in any case: without it, a prompt admitted into the last
   * blocks is preempted on its first decode, and prefilled twice.
   */
  readonly reserveRatio?: number
  /** Of the pool's host tier; its default suits a copy within one machine's memory. */
  readonly swap?: SwapCosts
  /** KV that waits for a return is given up after this time; 600 000 ms. */
  readonly maxParkedMs?: number
  /** A sequence has come back for what sequence `id` parked: how long it took, in ms, and for which tool, if that was said. */
  readonly onReturn?: (id: number, waitedMs: number, tool: string | undefined) => void
  /** What steps cost, as far as is known now; read for each plan. */
  readonly stepCosts?: () => StepCosts
  /** Brings the sequence's `prefixKeys` up to the tokens that it has; called before a readmission. */
  readonly extendKeys?: (sequence: S) => void
}

/** Work that has been queued and does not run yet. */
export interface Backlog {
  readonly sequences: number
  /** Tokens to be computed before their next one. */
  readonly promptTokens: number
  /** Sequences more that may run. */
  readonly freeRows: number
}

export interface SchedulerStats {
  readonly waiting: number
  /** Of those that wait: the ones that share a prompt which another computes. */
  readonly forking: number
  /** Tokens of those in the queue: to be computed before their next one, and expected to come. */
  readonly waitingPromptTokens: number
  readonly waitingOutputTokens: number
  readonly running: number
  readonly outstanding: number
  readonly preemptions: number
  /** Of the preemptions, those that swapped instead of giving up what was computed. */
  readonly swaps: number
  /** Sequences that ended and whose KV waits for a return. */
  readonly parked: number
  readonly parkedKv: ParkedStats
  readonly speculation: Readonly<SpeculationStats>
}
