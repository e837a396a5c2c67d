import { KeyHeap } from './key-heap.js'
import { compareRanks, type Policy, type PolicyView } from './policy.js'
import type { Sequence } from './sequence.js'

/** Ranks renewed in one round at most: a round stays short however many wait. */
const maxRenewals = 64

/**
 * Waiting sequences in the order of their ranks. Ranks stand still between the times that the policy
 * names; a second heap holds those times, so that a round costs O(changes * log n).
 */
export class WaitingQueue<S extends Sequence> {
  readonly #policy: Policy
  readonly #byRank = new KeyHeap<S>(4)
  readonly #byChange = new KeyHeap<S>(2)

  /** Of all inside: tokens to prefill, and output tokens that are expected. */
  prefillTokens = 0
  outputTokens = 0

  constructor (policy: Policy) {
    this.#policy = policy
  }

  get size (): number {
    return this.#byRank.size
  }

  push (item: S, view: PolicyView): void {
    item.rankUntilMs = this.#policy.rank(item, view)
    item.queuedPrefillTokens = item.remainingTokens
    item.queuedOutputTokens = item.predictedRest
    this.prefillTokens += item.queuedPrefillTokens
    this.outputTokens += item.queuedOutputTokens
    item.rankHandle = this.#byRank.push(item, item.rankClass, item.rankKey, item.rankTie, item.id)
    if (item.rankUntilMs < Infinity) item.changeHandle = this.#byChange.push(item, item.rankUntilMs, item.id)
  }

  /** Takes out an item that is inside. */
  remove (item: S): void {
    if (!this.#byRank.has(item.rankHandle, item)) throw new Error(`Sequence ${item.id} is not waiting.`)
    this.#byRank.remove(item.rankHandle)
    item.rankHandle = -1
    this.prefillTokens -= item.queuedPrefillTokens
    this.outputTokens -= item.queuedOutputTokens
    this.#dropChange(item)
  }

  /** What the policy looks at has changed for this one: it takes its new place. */
  renew (item: S, view: PolicyView): void {
    item.rankUntilMs = this.#policy.rank(item, view)
    this.#byRank.update(item.rankHandle, item.rankClass, item.rankKey, item.rankTie, item.id)
    if (item.rankUntilMs === Infinity) this.#dropChange(item)
    else if (item.changeHandle >= 0) this.#byChange.update(item.changeHandle, item.rankUntilMs, item.id)
    else item.changeHandle = this.#byChange.push(item, item.rankUntilMs, item.id)
  }

  /** Renews the ranks whose time is over, the longest overdue first. */
  refresh (view: PolicyView): void {
    for (let count = 0; count < maxRenewals; count++) {
      const item = this.#byChange.peek()
      if (item === undefined || item.rankUntilMs > view.nowMs) return
      this.renew(item, view)
    }
  }

  /** The next one, by a rank that holds now. */
  peek (view: PolicyView): S | undefined {
    for (let count = 0; count < maxRenewals; count++) {
      const item = this.#byRank.peek()
      if (item === undefined || item.rankUntilMs > view.nowMs) return item
      this.renew(item, view)
    }
    return this.#byRank.peek()
  }

  /**
   * The share of those inside (0 to 1) that are before a sequence that is not, whose rank has been
   * written: of at most 256 of them, so that a long queue is asked as quickly as a short one.
   */
  shareBefore (sequence: Sequence): number {
    if (this.size === 0) return 0
    const stride = Math.ceil(this.size / 256)
    let before = 0
    let seen = 0
    // The heap's levels are ordered, its places within a level are not: every stride-th is a fair sample.
    for (let index = this.size - 1; index >= 0; index -= stride) {
      if (compareRanks(this.#byRank.at(index), sequence) < 0) before++
      seen++
    }
    return before / seen
  }

  * [Symbol.iterator] (): Iterator<S> {
    yield* this.#byRank
  }

  #dropChange (item: S): void {
    if (item.changeHandle >= 0) this.#byChange.remove(item.changeHandle)
    item.changeHandle = -1
  }
}
