import type { Sequence } from '../scheduler/sequence.js'

/** The addon's hash functions. */
export interface PrefixHashing {
  prefixRoot (parts: readonly string[]): Uint8Array
  prefixKeys (root: Uint8Array, tokenIds: Int32Array, blockTokens: number): Uint8Array
}

const keyBytes = 32
const maxRoots = 1024

/** Keys of the prefix index: a hash chain over a sequence's blocks, from a root for each tenant. */
export class PrefixKeys {
  readonly #hashing: PrefixHashing
  readonly #blockTokens: number
  readonly #parts: readonly string[]
  readonly #roots = new Map<string, Uint8Array>()

  /** `parts`: what a cached block's content depends on beside tokens and tenant. */
  constructor (hashing: PrefixHashing, blockTokens: number, parts: readonly string[]) {
    this.#hashing = hashing
    this.#blockTokens = blockTokens
    this.#parts = parts
  }

  /** Start of the chain for sequences of one tenant. */
  root (salt: string): Uint8Array {
    let root = this.#roots.get(salt)
    if (root === undefined) {
      root = this.#hashing.prefixRoot([...this.#parts, salt])
      if (this.#roots.size >= maxRoots) this.#roots.clear()
      this.#roots.set(salt, root)
    }
    return root
  }

  of (root: Uint8Array, tokenIds: Int32Array): Uint8Array {
    return this.#hashing.prefixKeys(root, tokenIds, this.#blockTokens)
  }

  /** Adds the keys of blocks that have been filled since the sequence's keys were made. */
  extend (sequence: Sequence): void {
    const known = sequence.prefixKeys
    if (known === undefined || sequence.prefixRoot === undefined) return
    const root = known.length === 0 ? sequence.prefixRoot : known.subarray(known.length - keyBytes)
    const from = known.length / keyBytes * this.#blockTokens
    const added = this.of(root, sequence.tokens.subarray(from, sequence.numTokens))
    const all = new Uint8Array(known.length + added.length)
    all.set(known)
    all.set(added, known.length)
    sequence.prefixKeys = all
  }
}
