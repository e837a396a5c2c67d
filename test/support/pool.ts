import { loadAddon } from '../../src/native/addon.js'
import type { NativeKvPool, Slot } from '../../src/native/binding.js'
import type { BlockPool } from '../../src/scheduler/block-pool.js'

/** The one allocator, here without storage, and with a host tier that only counts. */
export class TestPool implements BlockPool {
  readonly #pool: NativeKvPool
  readonly #swapped = new Map<number, number>()
  readonly blockTokens: number
  readonly totalBlocks: number
  readonly hostBlocks: number
  #hostFreeBlocks: number

  constructor (pool: NativeKvPool, hostBlocks: number) {
    this.#pool = pool
    this.blockTokens = pool.blockTokens
    this.totalBlocks = pool.totalBlocks
    this.hostBlocks = hostBlocks
    this.#hostFreeBlocks = hostBlocks
  }

  open (): number { return this.#pool.open() }
  grow (slot: number, tokens: number): boolean { return this.#pool.grow(slot as Slot, tokens) }
  fork (parent: number, tokens: number): number { return this.#pool.fork(parent as Slot, tokens) }
  lookup (keys: Uint8Array, numTokens: number): number { return this.#pool.lookup(keys, numTokens) }
  attach (slot: number, keys: Uint8Array, numTokens: number): number { return this.#pool.attach(slot as Slot, keys, numTokens) }
  publish (slot: number, root: Uint8Array, tokenIds: Int32Array): void { this.#pool.publish(slot as Slot, root, tokenIds) }
  blocksOf (slot: number): number { return this.#pool.blocksOf(slot as Slot) }
  clearCache (): void { this.#pool.clearCache() }

  close (slot: number): void {
    this.#forget(slot)
    this.#pool.close(slot as Slot)
  }

  free (slot: number): void {
    this.#forget(slot)
    this.#pool.free(slot as Slot)
  }

  swapOut (slot: number): boolean {
    const blocks = this.blocksOf(slot)
    if (blocks > this.#hostFreeBlocks) return false
    this.#pool.free(slot as Slot)
    this.#swapped.set(slot, blocks)
    this.#hostFreeBlocks -= blocks
    return true
  }

  swapIn (slot: number): boolean {
    if (!this.grow(slot, this.#swapped.get(slot)! * this.blockTokens)) return false
    this.#forget(slot)
    return true
  }

  stats () {
    return { ...this.#pool.stats(), hostFreeBlocks: this.#hostFreeBlocks }
  }

  #forget (slot: number): void {
    this.#hostFreeBlocks += this.#swapped.get(slot) ?? 0
    this.#swapped.delete(slot)
  }
}

export const createPool = (totalBlocks: number, blockTokens: number, hostBlocks = 0) =>
  new TestPool(loadAddon().createKvPool(totalBlocks, blockTokens), hostBlocks)

export const prefixRoot = (parts: readonly string[]) => loadAddon().prefixRoot(parts)

export const prefixKeys = (root: Uint8Array, tokenIds: Int32Array, blockTokens: number) =>
  loadAddon().prefixKeys(root, tokenIds, blockTokens)
