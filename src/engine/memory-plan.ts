import { formatBytes } from '../core/bytes.js'
import { InvalidOptionError, OutOfMemoryError } from '../core/errors.js'
import type { Machine } from './machine.js'

export interface MemoryInput {
  readonly machine: Machine
  readonly weightsBytes: number
  readonly workspaceBytes: number
  readonly kvBytesPerToken: number
  readonly blockTokens: number
  /** Context that the model was trained for. */
  readonly maxPositions: number
  readonly maxNumSeqs: number
  /** As asked for; undefined = to be chosen. */
  readonly maxModelLen: number | undefined
  readonly kvCacheMemory: number | undefined
}

export interface MemoryPlan {
  readonly maxModelLen: number
  readonly kvBlocks: number
  readonly kvBytes: number
}

/** A context shorter than this is not chosen for anybody; it must be asked for. */
const leastModelLen = 2048
/** Kept free for the rest of the process, and for what the estimates miss. */
const headroom = 0.05

/**
 * Divides memory between weights, workspace and KV cache, before anything is loaded.
 *
 * @throws OutOfMemoryError with the arithmetic when the model cannot fit
 */
export function planMemory (input: MemoryInput): MemoryPlan {
  const { machine, weightsBytes, workspaceBytes, kvBytesPerToken, blockTokens, maxNumSeqs, maxPositions } = input
  if (input.maxModelLen !== undefined && input.maxModelLen > maxPositions) {
    throw new InvalidOptionError('maxModelLen',
      `maxModelLen is ${input.maxModelLen}, but the model was trained for ${maxPositions} positions. Lower --max-model-len.`)
  }
  const blockBytes = kvBytesPerToken * blockTokens
  const wantedLen = input.maxModelLen ?? maxPositions
  const leastLen = input.maxModelLen ?? Math.min(maxPositions, leastModelLen)
  const leastKvBytes = input.kvCacheMemory ?? blocksOf(leastLen, blockTokens) * blockBytes
  const usable = Math.floor(machine.availableBytes * (1 - headroom))
  const left = usable - weightsBytes - workspaceBytes
  if (left < leastKvBytes) throw new OutOfMemoryError(outOfMemory(input, leastLen, leastKvBytes, usable))

  // One block more for each sequence, so that a step ahead never lacks one.
  const mostBlocks = maxNumSeqs * (blocksOf(wantedLen, blockTokens) + 1)
  const kvBytes = input.kvCacheMemory ?? Math.max(leastKvBytes, Math.min(mostBlocks * blockBytes, left / 2))
  const kvBlocks = Math.floor(kvBytes / blockBytes)
  const held = kvBlocks * blockTokens
  if (held < Math.min(leastLen, wantedLen)) {
    throw new InvalidOptionError('kvCacheMemory', `kvCacheMemory of ${formatBytes(kvBytes)} holds ${held} tokens ` +
      `(${formatBytes(kvBytesPerToken)} each), fewer than one sequence of ${leastLen}. ` +
      `Raise --kv-cache-memory to ${formatBytes(blocksOf(leastLen, blockTokens) * blockBytes)}, or lower --max-model-len.`)
  }
  return { maxModelLen: Math.min(wantedLen, held), kvBlocks, kvBytes: kvBlocks * blockBytes }
}

function outOfMemory (input: MemoryInput, len: number, kvBytes: number, usable: number): string {
  const { machine, weightsBytes, workspaceBytes } = input
  const needed = weightsBytes + workspaceBytes + kvBytes
  const remedy = weightsBytes + workspaceBytes > usable
    ? 'Take a smaller or more strongly quantised model, or give the process more memory.'
    : input.kvCacheMemory !== undefined ? 'Lower --kv-cache-memory.' : 'Lower --max-model-len or --max-batch-tokens.'
  return `The model does not fit: weights ${formatBytes(weightsBytes)} + KV cache for ${len} tokens ${formatBytes(kvBytes)} + ` +
    `workspace ${formatBytes(workspaceBytes)} = ${formatBytes(needed)}, but ${formatBytes(usable)} can be used ` +
    `(95 % of what is free; the ${machine.limitedBy} has ${formatBytes(machine.limitBytes)}). ${remedy}`
}

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
