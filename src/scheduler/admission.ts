import type { BlockPool } from './block-pool.js'
import type { ParkedKv, ParkedStore } from './parked-kv.js'
import { commonTokens } from './return-index.js'
import type { Sequence } from './sequence.js'

export interface AdmissionInput<S extends Sequence> {
  readonly pool: BlockPool
  readonly sequence: S
  /** Blocks that stay free for the running sequences; 0 when none runs. */
  readonly reserveBlocks: number
  readonly parked: ParkedStore
  /** The plan that is being made: forks copy what earlier plans compute. */
  readonly planId: number
  /** Brings `sequence.prefixKeys` up to the tokens that it has by now. */
  readonly extendKeys: ((sequence: S) => void) | undefined
}

/**
 * Gives a waiting sequence all blocks of the tokens that it has: its own from the host tier, those of the
 * turn before it, by fork, from the prefix index, or fresh. False, with nothing changed, when they are
 * not to be had now.
 */
export function tryAdmit<S extends Sequence> (input: AdmissionInput<S>): boolean {
  const { sequence } = input
  // Its last tokens are not known yet, or its queued rows would be planned again.
  if (sequence.pendingRows > 0) return false
  if (sequence.isSwapped) return trySwapIn(input)
  // Rows that report the prompt's log-probabilities need every token computed.
  if (sequence.parked !== undefined && !sequence.promptLogprobs) {
    if (input.parked.has(sequence.parked)) return tryTakeParked(input, sequence.parked)
    sequence.parked = undefined
  }
  const parent = sequence.parent
  if (parent !== undefined && sequence.slot === undefined && parent.state === 'running' && parent.promptPlanId > 0) {
    return parent.promptPlanId < input.planId && tryFork(input, parent)
  }
  return tryTakeBlocks(input)
}

/**
 * Shares the parent's prompt but for its last token, which the fork computes again: the logits that
 * follow it are sampled once for each fork, with its own seed.
 */
function tryFork<S extends Sequence> ({ pool, sequence, reserveBlocks }: AdmissionInput<S>, parent: Sequence): boolean {
  const shared = sequence.promptTokens - 1
  const needed = Math.ceil((shared + 2) / pool.blockTokens) - Math.floor(shared / pool.blockTokens)
  if (needed + reserveBlocks > availableBlocks(pool)) return false
  const slot = pool.fork(parent.slot!, shared)
  const grown = blocksFor(pool, shared + 1) * pool.blockTokens
  if (!pool.grow(slot, grown)) {
    pool.close(slot)
    return false
  }
  sequence.slot = slot
  start(sequence, shared, grown)
  return true
}

function tryTakeBlocks<S extends Sequence> (input: AdmissionInput<S>): boolean {
  const { pool, sequence } = input
  const tokens = sequence.numTokens
  const wanted = blocksFor(pool, tokens)
  const spare = spareBlocks(input)
  const keys = readableKeys(input)
  const hit = keys === undefined ? 0 : pool.lookup(keys, tokens)
  if (wanted - hit / pool.blockTokens + spare > availableBlocks(pool)) return false

  sequence.slot ??= pool.open()
  const cached = keys === undefined ? 0 : pool.attach(sequence.slot, keys, tokens)
  const grown = wanted * pool.blockTokens
  // Cached blocks that nobody held counted as available until they were attached.
  const missing = wanted - cached / pool.blockTokens
  if (missing + spare > availableBlocks(pool) || !pool.grow(sequence.slot, grown)) {
    pool.free(sequence.slot)
    return false
  }
  start(sequence, cached, grown)
  return true
}

/** Its own KV comes back from the host tier; it goes on where it was. */
function trySwapIn<S extends Sequence> (input: AdmissionInput<S>): boolean {
  const { pool, sequence } = input
  const wanted = Math.max(blocksFor(pool, sequence.numTokens), blocksFor(pool, sequence.grown))
  if (wanted + spareBlocks(input) > availableBlocks(pool) || !pool.swapIn(sequence.slot!)) return false
  sequence.isSwapped = false
  const grown = wanted * pool.blockTokens
  if (!pool.grow(sequence.slot!, grown)) {
    // Not to be had after all: it is computed again.
    pool.free(sequence.slot!)
    start(sequence, 0, 0)
    return false
  }
  const { computed, publishedBlocks, promptPlanId } = sequence
  start(sequence, computed, grown)
  sequence.publishedBlocks = publishedBlocks
  sequence.promptPlanId = promptPlanId
  return true
}

/** Goes on in the KV of the turn before, as far as the prompt is the same. */
function tryTakeParked<S extends Sequence> (input: AdmissionInput<S>, parked: ParkedKv): boolean {
  const { pool, sequence } = input
  const shared = Math.min(commonTokens(parked.tokens, sequence.tokens), sequence.numTokens - 1)
  const total = blocksFor(pool, sequence.numTokens)
  const held = blocksFor(pool, parked.tokens.length)
  const needed = parked.isSwapped ? Math.max(total, held) : Math.max(0, total - Math.floor(shared / pool.blockTokens))
  if (needed + spareBlocks(input) > availableBlocks(pool)) return false
  if (parked.isSwapped && !pool.swapIn(parked.slot)) return false
  sequence.slot = pool.fork(parked.slot, shared)
  // What was shared is its own alone now: its last block needs no copy.
  input.parked.taken(parked)
  sequence.parked = undefined
  const grown = total * pool.blockTokens
  if (!pool.grow(sequence.slot, grown)) {
    // The block in which the two part is in the prefix index, and there is none left for a copy of it.
    pool.close(sequence.slot)
    sequence.slot = undefined
    return tryTakeBlocks(input)
  }
  start(sequence, shared, grown)
  return true
}

/** A sequence alone needs no reserve: `Scheduler.add` has seen to it that it fits. */
function spareBlocks<S extends Sequence> ({ pool, sequence, reserveBlocks }: AdmissionInput<S>): number {
  if (reserveBlocks === 0) return 0
  return blocksFor(pool, sequence.numTokens + 1) - blocksFor(pool, sequence.numTokens) + reserveBlocks
}

/** Rows that report the prompt's log-probabilities need every token computed: no cached prefix. */
function readableKeys<S extends Sequence> ({ pool, sequence, extendKeys }: AdmissionInput<S>): Uint8Array | undefined {
  if (sequence.prefixKeys === undefined || (sequence.promptLogprobs && sequence.generatedTokens === 0)) return undefined
  const keyedTokens = sequence.prefixKeys.length / 32 * pool.blockTokens
  if (sequence.numTokens >= keyedTokens + pool.blockTokens) extendKeys?.(sequence)
  return sequence.prefixKeys
}

function start (sequence: Sequence, sharedTokens: number, grown: number): void {
  sequence.epoch++
  sequence.admittedTokens = sequence.numTokens
  sequence.computed = sharedTokens
  sequence.planned = sharedTokens
  sequence.grown = grown
  sequence.publishedBlocks = 0
  sequence.promptPlanId = 0
  sequence.cachedTokens ??= sharedTokens
}

export function blocksFor (pool: BlockPool, tokens: number): number {
  return Math.ceil(tokens / pool.blockTokens)
}

export function availableBlocks (pool: BlockPool): number {
  const stats = pool.stats()
  return stats.freeBlocks + stats.cachedBlocks
}
