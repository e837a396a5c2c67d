import { formatBytes } from '../core/bytes.js'
import { InvalidOptionError, OutOfMemoryError } from '../core/errors.js'
import type { Machine } from './machine.js'
import { hostPool, type MemoryPool } from './memory-pools.js'

export interface MemoryInput {
  readonly machine: Machine
  /** What the model's devices take memory from. Default: the machine's. */
  readonly pools?: readonly MemoryPool[]
  readonly weightsBytes: number
  /** The same on cards, which keep some formats in another way. Default: `weightsBytes`. */
  readonly cardWeightsBytes?: number
  readonly workspaceBytes: number
  readonly kvBytesPerToken: number
  readonly blockTokens: number
  /** Context that the model was trained for. */
  readonly maxPositions: number
  /** Sequences that hold KV at once, at most. */
  readonly maxNumSeqs: number
  /** As asked for; undefined = to be chosen. */
  readonly maxModelLen: number | undefined
  readonly kvCacheMemory: number | undefined
  readonly kvSwapMemory: number | undefined
}

export interface MemoryPlan {
  readonly maxModelLen: number
  readonly kvBlocks: number
  readonly kvBytes: number
  /** Blocks for sequences that are swapped out. */
  readonly kvHostBlocks: number
  readonly kvHostBytes: number
}

/** A context shorter than this is not chosen for anybody; it must be asked for. */
const leastModelLen = 2048
/** Kept free for the rest of the process, and for what the estimates miss. */
const headroom = 0.05
/** Of what is left of the machine's memory, which others want too; a card's is the model's alone. */
const hostKvShare = 0.5
/** Of the KV cache, and in bytes: what is taken for swapped-out sequences unless something else is asked for. */
const swapShare = 0.25
const mostSwapBytes = 4 * 2 ** 30
/** Of a card, beside the activations: for cuBLASLt (32 MiB), and what is between its products and activations (64 MiB). */
const cardProductBytes = 96 * 2 ** 20

/**
 * Divides memory between weights, workspace, KV cache and swapped-out KV, before anything is loaded.
 *
 * @throws OutOfMemoryError with the arithmetic when the model cannot fit
 */
export function planMemory (input: MemoryInput): MemoryPlan {
  const { machine, workspaceBytes, kvBytesPerToken, blockTokens, maxNumSeqs, maxPositions } = input
  if (input.maxModelLen !== undefined && input.maxModelLen > maxPositions) {
    throw new InvalidOptionError('maxModelLen',
      `maxModelLen is ${input.maxModelLen}, but the model was trained for ${maxPositions} positions. Lower --max-model-len.`)
  }
  const blockBytes = kvBytesPerToken * blockTokens
  const wantedLen = input.maxModelLen ?? maxPositions
  const leastLen = input.maxModelLen ?? Math.min(maxPositions, leastModelLen)
  const leastKvBytes = input.kvCacheMemory ?? blocksOf(leastLen, blockTokens) * blockBytes
  const pools = (input.pools ?? [hostPool(machine)]).map(pool => {
    const usable = usableOf(pool.availableBytes)
    const swap = pool.isHost ? input.kvSwapMemory ?? 0 : 0
    return { ...pool, usable, left: usable - weightsIn(pool, input) - workspaceIn(pool, workspaceBytes) - swap }
  })
  for (const pool of pools) {
    if (pool.left < leastKvBytes * pool.share) throw new OutOfMemoryError(outOfMemory(input, pool, leastLen, leastKvBytes * pool.share))
  }

  // One block more for each sequence, so that a step ahead never lacks one.
  const mostBlocks = maxNumSeqs * (blocksOf(wantedLen, blockTokens) + 1)
  const room = Math.min(...pools.map(({ left, share, isHost }) => left / share * (isHost ? hostKvShare : 1)))
  const kvBytes = input.kvCacheMemory ?? Math.max(leastKvBytes, Math.min(mostBlocks * blockBytes, room))
  const kvBlocks = Math.floor(kvBytes / blockBytes)
  const held = kvBlocks * blockTokens
  if (held < Math.min(leastLen, wantedLen)) {
    throw new InvalidOptionError('kvCacheMemory', `kvCacheMemory of ${formatBytes(kvBytes)} holds ${held} tokens ` +
      `(${formatBytes(kvBytesPerToken)} each), fewer than one sequence of ${leastLen}. ` +
      `Raise --kv-cache-memory to ${formatBytes(blocksOf(leastLen, blockTokens) * blockBytes)}, or lower --max-model-len.`)
  }
  const host = pools.find(({ isHost }) => isHost)
  const hostLeft = host === undefined ? usableOf(machine.availableBytes) : host.left - kvBlocks * blockBytes * host.share
  const swapBytes = input.kvSwapMemory ?? Math.min(kvBlocks * blockBytes * swapShare, mostSwapBytes, hostLeft)
  const kvHostBlocks = Math.floor(swapBytes / blockBytes)
  return { maxModelLen: Math.min(wantedLen, held), kvBlocks, kvBytes: kvBlocks * blockBytes, kvHostBlocks, kvHostBytes: kvHostBlocks * blockBytes }
}

type UsedPool = MemoryPool & { readonly usable: number }

function outOfMemory (input: MemoryInput, pool: UsedPool, len: number, kvBytes: number): string {
  const weightsBytes = weightsIn(pool, input)
  const workspaceBytes = workspaceIn(pool, input.workspaceBytes)
  const kvSwapMemory = pool.isHost ? input.kvSwapMemory ?? 0 : 0
  const needed = weightsBytes + workspaceBytes + kvBytes + kvSwapMemory
  const remedy = weightsBytes + workspaceBytes > pool.usable
    ? `Take a smaller or more strongly quantised model, or ${pool.isHost ? 'give the process more memory' : 'spread it over more devices with --device-map'}.`
    : kvSwapMemory > 0 && needed - kvSwapMemory <= pool.usable ? 'Lower --kv-swap-memory.'
      : input.kvCacheMemory !== undefined ? 'Lower --kv-cache-memory.' : 'Lower --max-model-len or --max-batch-tokens.'
  return `The model does not fit: weights ${formatBytes(weightsBytes)} + KV cache for ${len} tokens ${formatBytes(kvBytes)} ` +
    `(${formatBytes(input.kvBytesPerToken * pool.share)} each) + ` +
    `${kvSwapMemory > 0 ? `KV swap ${formatBytes(kvSwapMemory)} + ` : ''}workspace ${formatBytes(workspaceBytes)} = ${formatBytes(needed)}, but ${formatBytes(pool.usable)} can be used ` +
    `(95 % of the ${formatBytes(pool.availableBytes)} that are free; ${pool.isHost ? `the ${pool.name}` : pool.name} has ${formatBytes(pool.limitBytes)}). ${remedy}`
}

function weightsIn ({ isHost, share }: MemoryPool, { weightsBytes, cardWeightsBytes = weightsBytes }: MemoryInput): number {
  return (isHost ? weightsBytes : cardWeightsBytes) * share
}

const usableOf = (availableBytes: number): number => Math.floor(availableBytes * (1 - headroom))

const workspaceIn = ({ isHost, workspaces }: MemoryPool, workspaceBytes: number): number =>
  (workspaceBytes + (isHost ? 0 : cardProductBytes)) * workspaces

const blocksOf = (tokens: number, blockTokens: number): number => Math.ceil(tokens / blockTokens)

export interface WorkspaceShape {
  readonly hiddenSize: number
  readonly numHeads: number
  readonly numKvHeads: number
  readonly headDim: number
  readonly ffnSize: number
  readonly vocabSize: number
}

/** Activations of the largest step in F32, and the logits of its rows: an estimate, to be on the safe side. */
export function estimateWorkspaceBytes (shape: WorkspaceShape, maxBatchTokens: number, maxNumSeqs: number): number {
  const attention = (2 * shape.numHeads + 2 * shape.numKvHeads) * shape.headDim
  const perToken = 4 * shape.hiddenSize + attention + 3 * shape.ffnSize
  return 4 * (maxBatchTokens * perToken + maxNumSeqs * shape.vocabSize)
}
