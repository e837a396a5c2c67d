import type { BlockPool } from './block-pool.js'
import { KeyHeap } from './key-heap.js'
import { leastWaste, type SwapCosts } from './min-waste.js'
import { MissedReturns, type MissedReturn } from './missed-returns.js'
import type { PolicyView } from './policy.js'
import { lastBlockKey, ReturnIndex, type Returnable } from './return-index.js'
import type { Sequence } from './sequence.js'

/** Expected time until a return, after `elapsedMs` of waiting for it. */
export type ExpectedWait = (elapsedMs: number) => number

/** KV that a sequence left behind, for one that will go on where it ended. */
export interface ParkedKv extends Returnable {
  /** Of the sequence that left it. */
  readonly id: number
  readonly slot: number
  /** Those with KV: (contextTokens,) */
  readonly tokens: Int32Array
  readonly sinceMs: number
  /** The tool that it waits for, where that is known. */
  tool: string | undefined
  isSwapped: boolean
  /** The sequence that goes on with it has come back, and waits for admission. */
  isClaimed: boolean
  expectedWait: ExpectedWait
  reviewMs: number
  /** Place among the reviews; the store's own. */
  reviewHandle: number
}

export interface ParkingOptions {
  readonly pool: BlockPool
  readonly swap: SwapCosts
  /** Nothing waits longer than this; ms. */
  readonly maxWaitMs: number
}

/** What became of parked KV, each once. */
export interface ParkedEnds {
  /** Its sequence came back and found it: where it was, or in the host tier. */
  kept: number
  swapped: number
  /** Given up by the rule of least waste; because others needed the blocks; because it waited too long. */
  dropped: number
  evicted: number
  expired: number
  /** Nobody was to come back for it: no tool was called after all, or the one that came back left. */
  released: number
}

export interface ParkedStats {
  readonly deviceSequences: number
  readonly deviceBlocks: number
  readonly hostSequences: number
  readonly hostBlocks: number
  readonly ends: Readonly<ParkedEnds>
}

const minReviewMs = 250

/**
 * KV of sequences that wait for a tool. While they do, it is kept, swapped to the host tier or given
 * back, whichever is expected to waste least memory; the decision is made anew when the wait is longer
 * than expected. A wait that is over its time is expected to last as long again, so a tool that never
 * returns pins nothing.
 */
export class ParkedStore {
  readonly #options: ParkingOptions
  readonly #byId = new Map<number, ParkedKv>()
  readonly #index: ReturnIndex<ParkedKv>
  readonly #missed: MissedReturns
  readonly #byReview = new KeyHeap<ParkedKv>(2)
  readonly #ends: ParkedEnds = { kept: 0, swapped: 0, dropped: 0, evicted: 0, expired: 0, released: 0 }

  constructor (options: ParkingOptions) {
    this.#options = options
    this.#index = new ReturnIndex(options.pool.blockTokens)
    this.#missed = new MissedReturns(options.pool.blockTokens)
  }

  get size (): number {
    return this.#byId.size
  }

  /** Takes over the slot of a sequence that ends now. */
  park (sequence: Sequence, slot: number, expectedWait: ExpectedWait, view: PolicyView): void {
    const tokens = sequence.tokens.subarray(0, sequence.computed)
    const parked: ParkedKv = {
      id: sequence.id,
      slot,
      tokens,
      sinceMs: view.nowMs,
      sessionId: sequence.sessionId,
      key: lastBlockKey(sequence, this.#options.pool.blockTokens),
      tool: undefined,
      isSwapped: false,
      isClaimed: false,
      expectedWait,
      reviewMs: view.nowMs,
      reviewHandle: -1
    }
    this.#byId.set(parked.id, parked)
    this.#index.add(parked)
    parked.reviewHandle = this.#byReview.push(parked, parked.reviewMs, parked.id)
    this.#review(parked, view)
  }

  /** More is known of the wait, such as the tool's name. */
  expect (id: number, expectedWait: ExpectedWait, view: PolicyView, tool?: string): boolean {
    const parked = this.#byId.get(id)
    if (parked === undefined) return false
    parked.expectedWait = expectedWait
    parked.tool = tool
    this.#review(parked, view)
    return true
  }

  /** Nobody will come back for it: its blocks are free. */
  release (id: number): boolean {
    const parked = this.#byId.get(id)
    if (parked === undefined) return false
    this.#end(parked, 'released')
    return true
  }

  /** Its sequence has what it needs of it. */
  taken (parked: ParkedKv): void {
    this.#end(parked, parked.isSwapped ? 'swapped' : 'kept')
  }

  /** In time that grows with their number. */
  stats (): ParkedStats {
    const stats = { deviceSequences: 0, deviceBlocks: 0, hostSequences: 0, hostBlocks: 0 }
    for (const { tokens, isSwapped } of this.#byId.values()) {
      const blocks = Math.ceil(tokens.length / this.#options.pool.blockTokens)
      stats[isSwapped ? 'hostSequences' : 'deviceSequences']++
      stats[isSwapped ? 'hostBlocks' : 'deviceBlocks'] += blocks
    }
    return { ...stats, ends: { ...this.#ends } }
  }

  /**
   * What this new sequence goes on with: what it names, else what its prompt continues, else what its
   * session left last. From now on it is the sequence's until it is taken or released.
   */
  claim (sequence: Sequence): ParkedKv | undefined {
    if (this.#byId.size === 0) return undefined
    const parked = this.#byId.get(sequence.resumes ?? -1) ?? this.#index.find(sequence, ({ isClaimed }) => !isClaimed)
    if (parked === undefined || parked.isClaimed) return undefined
    parked.isClaimed = true
    return parked
  }

  /** The wait that this new sequence ends, where its KV was given up meanwhile. */
  takeMissed (sequence: Sequence): MissedReturn | undefined {
    return this.#missed.take(sequence)
  }

  /** Whether it is still there: memory may have run short since it was claimed. */
  has (parked: ParkedKv): boolean {
    return this.#byId.get(parked.id) === parked
  }

  /** Decides anew for those whose time is over. */
  review (view: PolicyView): void {
    for (;;) {
      const parked = this.#byReview.peek()
      if (parked === undefined || parked.reviewMs > view.nowMs) return
      this.#review(parked, view)
    }
  }

  /**
   * Gives up the blocks of one, the largest that nobody has come back for, else the largest: its KV is
   * swapped out if the host tier takes it. False when there is none.
   */
  tryEvict (view: PolicyView): boolean {
    let largest: ParkedKv | undefined
    for (const parked of this.#byId.values()) {
      if (parked.isSwapped) continue
      if (largest === undefined || evictionOrder(parked, largest) < 0) largest = parked
    }
    if (largest === undefined) return false
    if (!this.#trySwapOut(largest, view)) this.#end(largest, 'evicted')
    return true
  }

  /** Frees host memory for others: the oldest swapped one goes. False when there is none. */
  tryEvictSwapped (): boolean {
    for (const parked of this.#byId.values()) {
      if (!parked.isSwapped || parked.isClaimed) continue
      this.#end(parked, 'evicted')
      return true
    }
    return false
  }

  #review (parked: ParkedKv, view: PolicyView): void {
    const elapsedMs = view.nowMs - parked.sinceMs
    if (!parked.isClaimed && elapsedMs >= this.#options.maxWaitMs) {
      this.#end(parked, 'expired')
      return
    }
    const expectedMs = parked.expectedWait(elapsedMs)
    // Past its time, nothing says that it ends soon.
    const waitMs = parked.expectedWait(0) > elapsedMs ? expectedMs : Math.max(expectedMs, elapsedMs)
    if (!parked.isSwapped && !parked.isClaimed) {
      const { pool, swap } = this.#options
      const action = leastWaste({
        contextTokens: parked.tokens.length,
        waitMs,
        otherTokens: view.contextTokens,
        costs: view.costs,
        swap,
        hostFreeTokens: pool.stats().hostFreeBlocks * pool.blockTokens
      })
      if (action === 'discard' || (action === 'swap' && !this.#trySwapOut(parked, view))) {
        this.#end(parked, 'dropped')
        return
      }
    }
    parked.reviewMs = Math.min(view.nowMs + Math.max(minReviewMs, parked.isSwapped ? waitMs : waitMs / 2),
      Math.max(view.nowMs + minReviewMs, parked.sinceMs + this.#options.maxWaitMs))
    this.#byReview.update(parked.reviewHandle, parked.reviewMs, parked.id)
  }

  #trySwapOut (parked: ParkedKv, view: PolicyView): boolean {
    parked.isSwapped = this.#options.pool.swapOut(parked.slot)
    if (parked.isSwapped) {
      parked.reviewMs = view.nowMs + minReviewMs
      this.#byReview.update(parked.reviewHandle, parked.reviewMs, parked.id)
    }
    return parked.isSwapped
  }

  #end (parked: ParkedKv, end: keyof ParkedEnds): void {
    this.#ends[end]++
    this.#byId.delete(parked.id)
    this.#index.delete(parked)
    if (!parked.isClaimed && (end === 'dropped' || end === 'evicted' || end === 'expired')) this.#missed.remember(parked)
    this.#byReview.remove(parked.reviewHandle)
    this.#options.pool.close(parked.slot)
  }
}

/** Negative when `a` goes before `b`. */
function evictionOrder (a: ParkedKv, b: ParkedKv): number {
  if (a.isClaimed !== b.isClaimed) return a.isClaimed ? 1 : -1
  return b.tokens.length - a.tokens.length || a.id - b.id
}
