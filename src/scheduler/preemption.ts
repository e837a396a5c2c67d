import { promptMs } from '../profiler/step-costs.js'
import { availableBlocks, blocksFor } from './admission.js'
import type { BlockPool } from './block-pool.js'
import type { SwapCosts } from './min-waste.js'
import type { ParkedStore } from './parked-kv.js'
import { compareRanks, type Policy, type PolicyView } from './policy.js'
import type { RunningList } from './running-list.js'
import type { Sequence } from './sequence.js'
import type { WaitingQueue } from './waiting-queue.js'

/** What the scheduler lends to it. */
export interface PreemptionParts<S extends Sequence> {
  readonly pool: BlockPool
  readonly policy: Policy
  /** Sequences that hold blocks at most. */
  readonly maxResidentSeqs: number
  /** Of the pool's host tier. */
  readonly swap: SwapCosts
  readonly waiting: WaitingQueue<S>
  readonly running: RunningList<S>
  readonly parked: ParkedStore
  /** The sequence holds no blocks any more, and is to be queued again. */
  readonly onPreempted: (sequence: S) => void
}

/** What a sequence computes between two preemptions at least. */
const minProgressTokens = 16

/**
 * Takes blocks and slots from those who have them: from KV that waits for a return, then from the running
 * sequence with the last rank, which is computed again later or comes back from the host tier.
 */
export class Preemption<S extends Sequence> {
  readonly #parts: PreemptionParts<S>
  count = 0
  /** Of `count`, those that swapped instead of giving up what was computed. */
  swaps = 0

  constructor (parts: PreemptionParts<S>) {
    this.#parts = parts
  }

  /** Running sequences give way to the head of the queue where the policy says so: slots and blocks. */
  makeRoom (planId: number, view: PolicyView): void {
    const { policy, waiting, running } = this.#parts
    if (policy.mayPreempt === undefined || waiting.size === 0) return
    waiting.refresh(view)
    for (let count = running.size; count > 0; count--) {
      const needy = waiting.peek(view)!
      if (needy.pendingRows > 0 || this.#hasRoom(needy)) return
      const victim = this.#victim(needy, planId, view, false)
      if (victim === undefined || !policy.mayPreempt(needy, victim, view)) return
      this.#preempt(victim, view)
    }
  }

  /**
   * A block for the sequence's next token, taken from others if need be. False when those before it have
   * the last ones: it keeps its own and tries again in the next plan.
   *
   * @param force also from those who have made no progress since they were preempted
   */
  tryGrow (sequence: S, planId: number, view: PolicyView, force: boolean): boolean {
    if (sequence.planned < sequence.grown) return true
    const { pool, parked } = this.#parts
    const grown = sequence.grown + pool.blockTokens
    while (!pool.grow(sequence.slot!, grown)) {
      if (parked.tryEvict(view)) continue
      const victim = this.#victim(sequence, planId, view, force)
      if (victim === undefined) return false
      this.#preempt(victim, view)
    }
    sequence.grown = grown
    return true
  }

  #hasRoom (sequence: S): boolean {
    const { pool, running, maxResidentSeqs } = this.#parts
    if (running.size >= maxResidentSeqs) return false
    return blocksFor(pool, sequence.numTokens + 1) + running.size <= availableBlocks(pool)
  }

  /**
   * Whom to preempt for `needy`, by ranks of now: the last. Not one that has a row in the plan already,
   * nor, unless forced, one that was preempted before and has made no progress since. Undefined when
   * nobody is left.
   */
  #victim (needy: S, planId: number, view: PolicyView, force: boolean): S | undefined {
    const { policy, running } = this.#parts
    let last: S | undefined
    for (const other of running.items) {
      if (other === needy || other.state !== 'running' || other.lastPlanId === planId) continue
      if (!force && other.preemptions > 0 && other.numTokens < other.admittedTokens + minProgressTokens) continue
      policy.rank(other, view)
      if (last === undefined || compareRanks(other, last) > 0) last = other
    }
    return last
  }

  /** Its blocks go back; its tokens stay, and so does its slot with the sampling state. */
  #preempt (sequence: S, view: PolicyView): void {
    if (this.#trySwapOut(sequence, view)) {
      this.swaps++
    } else {
      this.#parts.pool.free(sequence.slot!)
      sequence.epoch++
      sequence.computed = 0
      sequence.planned = 0
      sequence.grown = 0
    }
    sequence.state = 'waiting'
    sequence.preemptions++
    sequence.clock.enter('preempted', view.nowMs)
    this.#parts.running.leave()
    this.count++
    this.#parts.onPreempted(sequence)
  }

  /** Where copying its KV out and back is cheaper than computing it again. */
  #trySwapOut (sequence: S, view: PolicyView): boolean {
    const { pool, parked, swap } = this.#parts
    if (pool.hostBlocks === 0 || sequence.planned === 0) return false
    const copyMs = 2 * swap.tokenMs * (1 - swap.hiddenRatio) * sequence.planned
    if (copyMs >= promptMs(view.costs, 0, sequence.planned)) return false
    do sequence.isSwapped = pool.swapOut(sequence.slot!)
    while (!sequence.isSwapped && parked.tryEvictSwapped())
    return sequence.isSwapped
  }
}
