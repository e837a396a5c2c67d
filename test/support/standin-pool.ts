import { createHash } from 'node:crypto'
import type { BlockPool } from '../../src/scheduler/block-pool.js'

interface Block { id: number, refs: number, key: string | undefined }
interface Seq { table: Block[], tokens: number }

/** Temporary stand-in for the native accounting pool. */
export class StandinPool implements BlockPool {
  readonly blockTokens: number
  readonly totalBlocks: number
  free_: Block[]
  index = new Map<string, Block>()
  lru = new Set<Block>()
  slots: Array<Seq | undefined> = []
  evictions = 0
  copies = 0
  hitTokens = 0
  queryTokens = 0

  constructor (totalBlocks: number, blockTokens: number) {
    this.totalBlocks = totalBlocks
    this.blockTokens = blockTokens
    this.free_ = Array.from({ length: totalBlocks }, (_, id) => ({ id, refs: 0, key: undefined }))
  }

  open (): number {
    let slot = this.slots.indexOf(undefined)
    if (slot < 0) slot = this.slots.length
    this.slots[slot] = { table: [], tokens: 0 }
    return slot
  }

  at (slot: number): Seq {
    const seq = this.slots[slot]
    if (seq === undefined) throw new Error(`bad slot ${slot}`)
    return seq
  }

  close (slot: number): void {
    this.free(slot)
    this.slots[slot] = undefined
  }

  take (): Block {
    let block = this.free_.pop()
    if (block === undefined) {
      block = this.lru.values().next().value!
      this.lru.delete(block)
      this.index.delete(block.key!)
      block.key = undefined
      this.evictions++
    }
    block.refs = 1
    return block
  }

  release (block: Block): void {
    if (--block.refs > 0) return
    if (block.key !== undefined) this.lru.add(block)
    else this.free_.push(block)
  }

  acquire (block: Block): void {
    if (block.refs++ === 0) this.lru.delete(block)
  }

  grow (slot: number, tokens: number): boolean {
    const seq = this.at(slot)
    if (tokens <= seq.tokens) return true
    const first = Math.floor(seq.tokens / this.blockTokens)
    const wanted = Math.ceil(tokens / this.blockTokens)
    const copy = first < seq.table.length && (seq.table[first]!.refs > 1 || seq.table[first]!.key !== undefined)
    const missing = Math.max(0, wanted - seq.table.length) + (copy ? 1 : 0)
    if (missing > this.free_.length + this.lru.size) return false
    if (copy) {
      const own = this.take()
      const old = seq.table[first]!
      seq.table[first] = own
      this.release(old)
      this.copies++
    }
    while (seq.table.length < wanted) seq.table.push(this.take())
    seq.tokens = tokens
    return true
  }

  free (slot: number): void {
    const seq = this.at(slot)
    for (const block of seq.table.reverse()) this.release(block)
    seq.table = []
    seq.tokens = 0
  }

  fork (parent: number, tokens: number): number {
    if (tokens > this.at(parent).tokens) throw new Error('fork past the end')
    const child = this.open()
    const seq = this.at(child)
    seq.table = this.at(parent).table.slice(0, Math.ceil(tokens / this.blockTokens))
    seq.table.forEach(block => this.acquire(block))
    seq.tokens = tokens
    return child
  }

  matched (keys: Uint8Array, numTokens: number): Block[] {
    const most = Math.min(keys.length / 32, Math.floor((numTokens - 1) / this.blockTokens))
    const found: Block[] = []
    for (let i = 0; i < most; i++) {
      const block = this.index.get(Buffer.from(keys.subarray(i * 32, i * 32 + 32)).toString('hex'))
      if (block === undefined) break
      found.push(block)
    }
    return found
  }

  lookup (keys: Uint8Array, numTokens: number): number {
    return this.matched(keys, numTokens).length * this.blockTokens
  }

  attach (slot: number, keys: Uint8Array, numTokens: number): number {
    const seq = this.at(slot)
    if (seq.table.length > 0) throw new Error('attach to a used slot')
    seq.table = this.matched(keys, numTokens)
    seq.table.forEach(block => this.acquire(block))
    seq.tokens = seq.table.length * this.blockTokens
    return seq.tokens
  }

  publish (slot: number, root: Uint8Array, tokenIds: Int32Array): void {
    const seq = this.at(slot)
    if (tokenIds.length > seq.tokens) throw new Error('publish past the end')
    const keys = prefixKeys(root, tokenIds, this.blockTokens)
    for (let i = 0; i < keys.length / 32; i++) {
      const key = Buffer.from(keys.subarray(i * 32, i * 32 + 32)).toString('hex')
      const block = seq.table[i]!
      if (block.key !== undefined || this.index.has(key)) continue
      block.key = key
      this.index.set(key, block)
    }
  }

  blocksOf (slot: number): number {
    return this.at(slot).table.length
  }

  clearCache (): void {
    for (const block of this.lru) {
      this.index.delete(block.key!)
      block.key = undefined
      this.free_.push(block)
    }
    this.lru.clear()
  }

  stats () {
    return {
      totalBlocks: this.totalBlocks,
      freeBlocks: this.free_.length,
      cachedBlocks: this.lru.size,
      usedBlocks: this.totalBlocks - this.free_.length - this.lru.size,
      evictions: this.evictions,
      copies: this.copies,
      hitTokens: this.hitTokens,
      queryTokens: this.queryTokens
    }
  }
}

export function prefixRoot (parts: readonly string[]): Uint8Array {
  return createHash('sha256').update(parts.join('\x1f')).digest()
}

export function prefixKeys (root: Uint8Array, tokenIds: Int32Array, blockTokens: number): Uint8Array {
  const keys: Uint8Array[] = []
  let last = root
  for (let i = 0; i + blockTokens <= tokenIds.length; i += blockTokens) {
    const part = tokenIds.subarray(i, i + blockTokens)
    last = createHash('sha256').update(last).update(new Uint8Array(part.buffer, part.byteOffset, part.byteLength)).digest()
    keys.push(last)
  }
  return Buffer.concat(keys)
}
