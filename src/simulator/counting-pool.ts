import type { BlockPool, BlockStats } from '../scheduler/block-pool.js'

/** The engine's allocator, and how much it moves to its host tier and back. */
export class CountingPool implements BlockPool {
  readonly #pool: BlockPool
  readonly blockTokens: number
  readonly totalBlocks: number
  readonly hostBlocks: number
  #movedBlocks = 0

  constructor (pool: BlockPool) {
    this.#pool = pool
    this.blockTokens = pool.blockTokens
    this.totalBlocks = pool.totalBlocks
    this.hostBlocks = pool.hostBlocks
  }

  open (): number { return this.#pool.open() }
  close (slot: number): void { this.#pool.close(slot) }
  grow (slot: number, tokens: number): boolean { return this.#pool.grow(slot, tokens) }
  free (slot: number): void { this.#pool.free(slot) }
  swapOut (slot: number): boolean { return this.#moving(() => this.#pool.swapOut(slot)) }
  swapIn (slot: number): boolean { return this.#moving(() => this.#pool.swapIn(slot)) }
  fork (parent: number, tokens: number): number { return this.#pool.fork(parent, tokens) }
  lookup (keys: Uint8Array, numTokens: number): number { return this.#pool.lookup(keys, numTokens) }
  attach (slot: number, keys: Uint8Array, numTokens: number): number { return this.#pool.attach(slot, keys, numTokens) }
  publish (slot: number, root: Uint8Array, tokenIds: Int32Array): void { this.#pool.publish(slot, root, tokenIds) }
  stats (): BlockStats { return this.#pool.stats() }

  /** Tokens moved since the last call. */
  takeMovedTokens (): number {
    const tokens = this.#movedBlocks * this.blockTokens
    this.#movedBlocks = 0
    return tokens
  }

  #moving (move: () => boolean): boolean {
    const before = this.#pool.stats().hostFreeBlocks
    const isMoved = move()
    this.#movedBlocks += Math.abs(this.#pool.stats().hostFreeBlocks - before)
    return isMoved
  }
}
