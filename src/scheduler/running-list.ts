import { compareRanks, type Policy, type PolicyView } from './policy.js'
import type { Sequence } from './sequence.js'

/**
 * Sequences that hold blocks, in the order of the ranks with which they came. Those that leave it stay inside, in another state, until
 * `compact`: so it can be walked while sequences are preempted.
 */
export class RunningList<S extends Sequence> {
  readonly #policy: Policy
  readonly #items: S[] = []
  /** Sequences that run. */
  size = 0

  constructor (policy: Policy) {
    this.#policy = policy
  }

  /** All inside; look at `state`. */
  get items (): readonly S[] {
    return this.#items
  }

  insert (sequence: S): void {
    sequence.state = 'running'
    this.size++
    let place = this.#items.length
    while (place > 0 && compareRanks(sequence, this.#items[place - 1]!) < 0) place--
    this.#items.splice(place, 0, sequence)
  }

  /** A sequence has been given, or is about to be given, another state. */
  leave (): void {
    this.size--
  }

  compact (): void {
    if (this.#items.length === this.size) return
    let kept = 0
    for (const sequence of this.#items) {
      if (sequence.state === 'running') this.#items[kept++] = sequence
    }
    this.#items.length = kept
  }

  /**
   * Whom to preempt for `needy`, by ranks of now: the last. Not one that has a row in the plan already,
   * nor, unless forced, one that was preempted before and has made no progress since. Undefined when
   * nobody is left.
   */
  victim (needy: S, planId: number, view: PolicyView, force: boolean): S | undefined {
    let last: S | undefined
    for (const other of this.#items) {
      if (other === needy || other.state !== 'running' || other.lastPlanId === planId) continue
      if (!force && other.preemptions > 0 && other.numTokens < other.admittedTokens + minProgressTokens) continue
      this.#policy.rank(other, view)
      if (last === undefined || compareRanks(other, last) > 0) last = other
    }
    return last
  }
}

/** What a sequence computes between two preemptions at least. */
const minProgressTokens = 16
