import type { NativeModel, Slot, SlotParams } from '../native/binding.js'
import type { BlockPool, BlockStats } from '../scheduler/block-pool.js'

const noTokens = new Int32Array(0)

/** A model's KV pool as the scheduler sees it. Closing a slot also ends its sampling, queued rows included. */
export class SlotPool implements BlockPool {
  readonly blockTokens: number
  readonly totalBlocks: number
  readonly hostBlocks: number
  readonly #model: NativeModel
  readonly #sampling = new Set<number>()

  constructor (model: NativeModel) {
    this.#model = model
    this.blockTokens = model.kv.blockTokens
    this.totalBlocks = model.kv.totalBlocks
    this.hostBlocks = model.kv.hostBlocks
  }

  isSampling (slot: number): boolean {
    return this.#sampling.has(slot)
  }

  startSampling (slot: number, params: SlotParams, promptIds: Int32Array): void {
    this.#model.openSlot(slot as Slot, params, promptIds, noTokens)
    this.#sampling.add(slot)
  }

  open (): number {
    return this.#model.kv.open()
  }

  close (slot: number): void {
    if (this.#sampling.delete(slot)) this.#model.closeSlot(slot as Slot)
    this.#model.kv.close(slot as Slot)
  }

  grow (slot: number, tokens: number): boolean {
    return this.#model.kv.grow(slot as Slot, tokens)
  }

  free (slot: number): void {
    this.#model.kv.free(slot as Slot)
  }

  swapOut (slot: number): boolean {
    return this.#model.kv.swapOut(slot as Slot)
  }

  swapIn (slot: number): boolean {
    return this.#model.kv.swapIn(slot as Slot)
  }

  fork (parent: number, tokens: number): number {
    return this.#model.kv.fork(parent as Slot, tokens)
  }

  lookup (keys: Uint8Array, numTokens: number): number {
    return this.#model.kv.lookup(keys, numTokens)
  }

  attach (slot: number, keys: Uint8Array, numTokens: number): number {
    return this.#model.kv.attach(slot as Slot, keys, numTokens)
  }

  publish (slot: number, root: Uint8Array, tokenIds: Int32Array): void {
    this.#model.kv.publish(slot as Slot, root, tokenIds)
  }

  stats (): BlockStats {
    return this.#model.kv.stats()
  }
}
