import type { BlockPool } from './block-pool.js'
import type { Sequence } from './sequence.js'

export interface AdmissionInput<S extends Sequence> {
  readonly pool: BlockPool
  readonly sequence: S
  /** Sequences that hold blocks now. */
  readonly running: number
  /** The plan that is being made: forks copy what earlier plans compute. */
  readonly planId: number
  /** Brings `sequence.prefixKeys` up to the tokens that it has by now. */
  readonly extendKeys: ((sequence: S) => void) | undefined
}

/**
 * Gives a waiting sequence all blocks of the tokens that it has, by fork, from the prefix index, or
 * fresh; false, with nothing changed, when they are not to be had now.
 *
 * One spare block is kept for each running sequence. Without it, a prompt admitted into the last blocks
 * is preempted on its first decode, and prefilled twice.
 */
export function tryAdmit<S extends Sequence> (input: AdmissionInput<S>): boolean {
  const { sequence } = input
  // Its last tokens are not known yet, or its queued rows would be planned again.
  if (sequence.pendingRows > 0) return false
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
function tryFork<S extends Sequence> ({ pool, sequence, running }: AdmissionInput<S>, parent: Sequence): boolean {
  const shared = sequence.promptTokens - 1
  const needed = Math.ceil((shared + 2) / pool.blockTokens) - Math.floor(shared / pool.blockTokens)
  if (needed + running > availableBlocks(pool)) return false
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
  const { pool, sequence, running } = input
  const tokens = sequence.numTokens
  const wanted = blocksFor(pool, tokens)
  // A sequence alone needs no reserve: `Scheduler.add` has seen to it that it fits.
  const spare = running === 0 ? 0 : blocksFor(pool, tokens + 1) - wanted + running
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

/** Rows that report the prompt's log-probabilities need every token computed: no cached prefix. */
function readableKeys<S extends Sequence> ({ pool, sequence, extendKeys }: AdmissionInput<S>): Uint8Array | undefined {
  if (sequence.prefixKeys === undefined || (sequence.promptLogprobs && sequence.generatedTokens === 0)) return undefined
  const keyedTokens = sequence.prefixKeys.length / 32 * pool.blockTokens
  if (sequence.numTokens >= keyedTokens + pool.blockTokens) extendKeys?.(sequence)
  return sequence.prefixKeys
}

function start (sequence: Sequence, sharedTokens: number, grown: number): void {
  sequence.epoch++
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

function availableBlocks (pool: BlockPool): number {
  const stats = pool.stats()
  return stats.freeBlocks + stats.cachedBlocks
}
