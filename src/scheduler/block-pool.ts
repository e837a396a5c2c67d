/** Sums of a pool: free + used + cached = total at every moment. */
export interface BlockStats {
  readonly freeBlocks: number
  /** Held by at least one slot. */
  readonly usedBlocks: number
  /** Held by no slot, but in the prefix index; taken back when needed. */
  readonly cachedBlocks: number
  /** Of the host tier. */
  readonly hostFreeBlocks: number
}

/**
 * What the scheduler needs of the KV allocator. The native pool fits, with storage in an engine and
 * without it in simulation and tests.
 */
export interface BlockPool {
  readonly blockTokens: number
  readonly totalBlocks: number
  /** Blocks of the host tier, for slots that are swapped out; 0 = there is none. */
  readonly hostBlocks: number
  /** A new, empty slot. */
  open (): number
  /** Frees the slot and its blocks. */
  close (slot: number): void
  /** Blocks for tokens [0, tokens): all, or none and false. */
  grow (slot: number, tokens: number): boolean
  /** Frees the slot's blocks, swapped out or not, and keeps the slot. */
  free (slot: number): void
  /**
   * Moves the slot's content to the host tier and gives its blocks back at once; published ones stay cached.
   * The slot must have no queued row, and has no part in a plan until `swapIn`. False, with nothing changed,
   * when the host tier has too few blocks.
   */
  swapOut (slot: number): boolean
  /** The slot as it was before `swapOut`. False, with nothing changed, when too few blocks are available. */
  swapIn (slot: number): boolean
  /** A new slot that shares the parent's first `tokens` tokens. */
  fork (parent: number, tokens: number): number
  /** Tokens of the longest cached prefix, fewer than `numTokens`; keys of 32 bytes a block. */
  lookup (keys: Uint8Array, numTokens: number): number
  /** The same, and shares those blocks with an empty slot. */
  attach (slot: number, keys: Uint8Array, numTokens: number): number
  /** Puts the slot's full blocks among its first `tokenIds.length` tokens into the prefix index. */
  publish (slot: number, root: Uint8Array, tokenIds: Int32Array): void
  stats (): BlockStats
}
