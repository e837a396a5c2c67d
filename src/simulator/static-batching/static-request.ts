import { MillraceError } from '../../core/errors.js'

/** A request as a static batcher sees it. */
export interface StaticRequest {
  readonly id: number
  readonly inputTokens: number
  /** Predicted output. */
  readonly outputTokens: number
  /** From now to its deadline; may be past. */
  readonly sloSec: number
  readonly arrivalSec: number
}

/** Batches of ids in the order of their dispatch, and what fits into none. */
export interface Batches {
  readonly batches: readonly number[][]
  readonly rejected: readonly number[]
}

/** What a batch may hold at most, padded: requests x (longest input + longest output) tokens of KV. */
export interface BatchCaps {
  readonly maxRequests: number
  /** Infinity = no limit. */
  readonly kvTokens: number
}

export type StaticBatcher = (requests: readonly StaticRequest[]) => Batches

/** Numbers that no comparison may meet. */
export function checkRequests (requests: readonly StaticRequest[]): void {
  for (const request of requests) {
    for (const name of ['inputTokens', 'outputTokens', 'sloSec', 'arrivalSec'] as const) {
      const value = request[name]
      if (Number.isFinite(value) && (value >= 0 || name === 'sloSec' || name === 'arrivalSec')) continue
      throw new MillraceError('ERR_INVALID_PARAMETER', 400, `Request ${request.id}: ${name} is ${value}; it must be a finite number${name.endsWith('Tokens') ? ', at least 0' : ''}.`, name)
    }
  }
}

type Key = (request: StaticRequest) => number

/** A copy in the order of these keys, then ids. */
export function sortedBy (requests: readonly StaticRequest[], ...keys: readonly Key[]): StaticRequest[] {
  return [...requests].sort((a, b) => {
    for (const key of keys) {
      const difference = key(a) - key(b)
      if (difference !== 0) return difference
    }
    return a.id - b.id
  })
}

/** A batch that grows, with what padding makes of it. */
export class OpenBatch {
  readonly ids: number[] = []
  maxInput = 0
  maxOutput = 0
  sumOutput = 0

  constructor (first: StaticRequest) {
    this.add(first)
  }

  get size (): number {
    return this.ids.length
  }

  /** KV tokens of the batch, padded, if the request joins. */
  paddedTokensWith ({ inputTokens, outputTokens }: StaticRequest): number {
    return (this.size + 1) * (Math.max(this.maxInput, inputTokens) + Math.max(this.maxOutput, outputTokens))
  }

  fits (request: StaticRequest, { maxRequests, kvTokens }: BatchCaps): boolean {
    return this.size < maxRequests && this.paddedTokensWith(request) <= kvTokens + 1e-9
  }

  add ({ id, inputTokens, outputTokens }: StaticRequest): void {
    this.ids.push(id)
    this.maxInput = Math.max(this.maxInput, inputTokens)
    this.maxOutput = Math.max(this.maxOutput, outputTokens)
    this.sumOutput += outputTokens
  }
}

export function fitsAlone ({ inputTokens, outputTokens }: StaticRequest, { kvTokens }: BatchCaps): boolean {
  return inputTokens + outputTokens <= kvTokens + 1e-9
}
