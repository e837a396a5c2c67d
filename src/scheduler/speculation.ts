import { decodeStepMs } from '../profiler/step-costs.js'
import { availableBlocks, blocksFor } from './admission.js'
import type { BlockPool } from './block-pool.js'
import type { PolicyView } from './policy.js'
import type { PromptLookup } from './prompt-lookup.js'
import type { Sequence } from './sequence.js'

export interface SpeculationStats {
  /** Rows that verified a draft. */
  drafts: number
  draftTokens: number
  /** Of those, what the model would have written too. */
  acceptedTokens: number
  /** The same by their place in the draft. */
  readonly acceptedByPosition: number[]
}

/**
 * How many tokens are drafted for a sequence, and verified in one row. A token in a row costs what a prompt's
 * token does, and where drafts are right it saves its share of a step. So a draft is as long as its last token
 * is worth that: short where many sequences share a step, long where one has it alone (docs/scheduling.md).
 */
export class Speculation {
  readonly stats: SpeculationStats = { drafts: 0, draftTokens: 0, acceptedTokens: 0, acceptedByPosition: [0] }
  readonly #pool: BlockPool
  /** The newest plan with a draft. */
  #lastPlanId = 0

  constructor (pool: BlockPool) {
    this.#pool = pool
  }

  /**
   * Whether the next plan must wait for the outstanding ones: it cannot go on behind a draft whose end is
   * not known, and a sequence that has something to draft drafts only behind its newest token.
   *
   * @param decodes - rows of the next plan, about
   */
  mustWait (lastCommittedId: number, running: readonly Sequence[], view: PolicyView, decodes: number): boolean {
    if (this.#lastPlanId > lastCommittedId) return true
    for (const sequence of running) {
      if (sequence.state === 'running' && sequence.isDecoding && !sequence.isComplete && this.#wanted(sequence, view, decodes) > 0) return true
    }
    return false
  }

  /**
   * How long a draft of the sequence's next row is, with blocks for it: 0 = none.
   *
   * @param most - tokens that the plan has room for
   * @param spareBlocks - that are left to others
   */
  draft (sequence: Sequence, view: PolicyView, decodes: number, most: number, spareBlocks: number, planId: number): number {
    if (sequence.lookup === undefined || sequence.pendingRows > 0) return 0
    const wanted = Math.min(most, this.#wanted(sequence, view, decodes))
    const drafted = wanted <= 0 ? 0 : Math.min(wanted, this.#grow(sequence, wanted, spareBlocks))
    if (drafted > 0) this.#lastPlanId = planId
    return drafted
  }

  verified (lookup: PromptLookup, drafted: number, accepted: number): void {
    lookup.verified(drafted, accepted)
    const { stats } = this
    stats.drafts++
    stats.draftTokens += drafted
    stats.acceptedTokens += accepted
    while (stats.acceptedByPosition.length < drafted) stats.acceptedByPosition.push(0)
    for (let i = 0; i < accepted; i++) stats.acceptedByPosition[i]!++
  }

  #wanted (sequence: Sequence, view: PolicyView, decodes: number): number {
    const { lookup } = sequence
    // The last token is sampled, not drafted.
    const most = sequence.maxTokens - sequence.generatedTokens - sequence.pendingSamples - 1
    if (lookup === undefined || most <= 0 || sequence.generatedTokens === 0) return 0
    const guessed = lookup.guess(sequence.tokens, sequence.numTokens)
    return guessed === 0 ? 0 : Math.min(guessed, most, worthTokens(lookup.acceptance, view, decodes, sequence.planned))
  }

  /** Takes free blocks for the draft; returns how many of its tokens there is room for. */
  #grow (sequence: Sequence, drafted: number, spareBlocks: number): number {
    const pool = this.#pool
    const missing = blocksFor(pool, sequence.planned + 1 + drafted) - Math.floor(sequence.grown / pool.blockTokens)
    const grown = sequence.grown + missing * pool.blockTokens
    if (missing > 0 && missing + spareBlocks <= availableBlocks(pool) && pool.grow(sequence.slot!, grown)) sequence.grown = grown
    return sequence.grown - sequence.planned - 1
  }
}

/**
 * The length at which a draft's last token is still worth its cost: it is right with probability
 * acceptance^length, and saves its share of the step then.
 */
function worthTokens (acceptance: number, view: PolicyView, decodes: number, position: number): number {
  const { costs, contextTokens } = view
  const rows = Math.max(1, decodes)
  const savedMs = decodeStepMs(costs, rows, contextTokens) / rows
  const tokenMs = costs.prefillTokenMs + costs.prefillContextTokenMs * position
  if (tokenMs >= acceptance * savedMs) return 0
  return Math.floor(Math.log(tokenMs / savedMs) / Math.log(acceptance))
}
