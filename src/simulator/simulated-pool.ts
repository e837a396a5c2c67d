import type { BlockPool, BlockStats } from '../scheduler/block-pool.js'

/** The allocator without storage, as the addon makes it. */
export interface DevicePool extends Omit<BlockPool, 'hostBlocks' | 'swapOut' | 'swapIn' | 'stats'> {
  blocksOf (slot: number): number
  stats (): Omit<BlockStats, 'hostFreeBlocks'>
}

/** The engine's allocator with a host tier that only counts. */
export class SimulatedPool implements BlockPool {
  readonly #device: DevicePool
  /** Blocks of each slot in the host tier. */
  readonly #swapped = new Map<number, number>()
  readonly blockTokens: number
  readonly totalBlocks: number
  readonly hostBlocks: number
  #hostFreeBlocks: number
  #movedBlocks = 0

  constructor (device: DevicePool, hostBlocks: number) {
    this.#device = device
    this.blockTokens = device.blockTokens
    this.totalBlocks = device.totalBlocks
    this.hostBlocks = hostBlocks
    this.#hostFreeBlocks = hostBlocks
  }

  open (): number { return this.#device.open() }
  grow (slot: number, tokens: number): boolean { return this.#device.grow(slot, tokens) }
  fork (parent: number, tokens: number): number { return this.#device.fork(parent, tokens) }
  lookup (keys: Uint8Array, numTokens: number): number { return this.#device.lookup(keys, numTokens) }
  attach (slot: number, keys: Uint8Array, numTokens: number): number { return this.#device.attach(slot, keys, numTokens) }
  publish (slot: number, root: Uint8Array, tokenIds: Int32Array): void { this.#device.publish(slot, root, tokenIds) }

  close (slot: number): void {
    this.#forget(slot)
    this.#device.close(slot)
  }

  free (slot: number): void {
    this.#forget(slot)
    this.#device.free(slot)
  }

  swapOut (slot: number): boolean {
    const blocks = this.#device.blocksOf(slot)
    if (blocks > this.#hostFreeBlocks) return false
    this.#device.free(slot)
    this.#swapped.set(slot, blocks)
    this.#hostFreeBlocks -= blocks
    this.#movedBlocks += blocks
    return true
  }

  swapIn (slot: number): boolean {
    const blocks = this.#swapped.get(slot)
    if (blocks === undefined) throw new Error(`Slot ${slot} is not in the host tier.`)
    if (!this.#device.grow(slot, blocks * this.blockTokens)) return false
    this.#forget(slot)
    this.#movedBlocks += blocks
    return true
  }

  stats (): BlockStats {
    return { ...this.#device.stats(), hostFreeBlocks: this.#hostFreeBlocks }
  }

  /** Tokens moved between the tiers since the last call. */
  takeMovedTokens (): number {
    const tokens = this.#movedBlocks * this.blockTokens
    this.#movedBlocks = 0
    return tokens
  }

  #forget (slot: number): void {
    this.#hostFreeBlocks += this.#swapped.get(slot) ?? 0
    this.#swapped.delete(slot)
  }
}
