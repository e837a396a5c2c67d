import type { FinishReason } from '../core/finish-reason.js'
import { PhaseClock } from './phase-clock.js'

export interface SequenceOptions {
  /** Unique and rising: breaks ties between equal arrivals. */
  readonly id: number
  readonly arrivalMs: number
  /** (promptTokens,): copied. */
  readonly promptIds: Int32Array
  /** Sampled tokens at most; `Scheduler.add` lowers it to what context and pool can hold. */
  readonly maxTokens: number
  readonly logprobs?: boolean
  readonly promptLogprobs?: boolean
  /** Lower runs first under policies that look at it. */
  readonly priority?: number
  /** h_0 of the prefix-key chain; missing = its blocks never enter the prefix index. */
  readonly prefixRoot?: Uint8Array
  /** h_1, h_2, ... of the prompt's full blocks, 32 bytes each; missing = it reads no cached prefix. */
  readonly prefixKeys?: Uint8Array
  /** The sequence of the same prompt whose KV this one shares, when that is there in time. */
  readonly forkOf?: Sequence
}

/**
 * forking: waits for its parent's prompt to be computed. waiting: in the queue, holds no blocks.
 * running: holds blocks, gets rows.
 */
export type SequenceState = 'forking' | 'waiting' | 'running' | 'ended'

/** One stream of tokens, as the scheduler sees it. Only the scheduler changes it. */
export class Sequence {
  readonly id: number
  readonly arrivalMs: number
  readonly priority: number
  readonly promptTokens: number
  readonly logprobs: boolean
  readonly promptLogprobs: boolean
  readonly prefixRoot: Uint8Array | undefined
  prefixKeys: Uint8Array | undefined
  readonly clock: PhaseClock

  maxTokens: number
  state: SequenceState = 'waiting'
  finishReason: FinishReason | undefined
  /** From the first admission to the end, also while preempted. */
  slot: number | undefined
  /** Prompt tokens whose KV came from the prefix cache at the first admission; of forks, the shared ones. */
  cachedTokens: number | undefined
  preemptions = 0

  /** Known tokens, prompt first: [0, numTokens) of `tokens`. */
  tokens: Int32Array
  numTokens: number
  /** Tokens whose KV is computed and committed. */
  computed = 0
  /** Tokens whose KV is computed or in an outstanding plan; the next row starts here. */
  planned = 0
  /** Tokens that it holds blocks for. */
  grown = 0
  /** Full blocks that have been offered to the prefix index. */
  publishedBlocks = 0
  /** Rows in outstanding plans, and how many of them sample. */
  pendingRows = 0
  pendingSamples = 0
  /** Counts admissions: a row planned before a preemption tells nothing of the KV after it. */
  epoch = 0
  /** The plan of its newest row, and the one that completed its prompt since it was admitted. */
  lastPlanId = 0
  promptPlanId = 0
  /** Place in the waiting heap; the heap's own. */
  heapIndex = -1
  parent: Sequence | undefined
  /** Forks that wait for this sequence's prompt. */
  forks: Sequence[] = []

  constructor (options: SequenceOptions) {
    this.id = options.id
    this.arrivalMs = options.arrivalMs
    this.priority = options.priority ?? 0
    this.promptTokens = options.promptIds.length
    this.maxTokens = options.maxTokens
    this.logprobs = options.logprobs ?? false
    this.promptLogprobs = options.promptLogprobs ?? false
    this.prefixRoot = options.prefixRoot
    this.prefixKeys = options.prefixKeys
    this.parent = options.forkOf
    this.clock = new PhaseClock(options.arrivalMs)
    this.tokens = new Int32Array(options.promptIds.length + 64)
    this.tokens.set(options.promptIds)
    this.numTokens = options.promptIds.length
  }

  get generatedTokens (): number {
    return this.numTokens - this.promptTokens
  }

  /** Tokens that will be known once the outstanding plans are committed. */
  get expectedTokens (): number {
    return this.numTokens + this.pendingSamples
  }

  /** Tokens without KV that the next row may compute. */
  get remainingTokens (): number {
    return this.expectedTokens - this.planned
  }

  /** Whether the outstanding plans reach `maxTokens`, so that nothing is left to compute. */
  get isComplete (): boolean {
    const atLimit = this.expectedTokens - this.promptTokens >= this.maxTokens
    return this.remainingTokens === 0 || (atLimit && this.planned >= this.promptTokens)
  }

  /** Whether its next row is one new token, not a part of its prompt. */
  get isDecoding (): boolean {
    return this.remainingTokens === 1 && this.planned >= this.promptTokens
  }

  append (token: number): void {
    if (this.numTokens === this.tokens.length) {
      const larger = new Int32Array(this.tokens.length * 2)
      larger.set(this.tokens)
      this.tokens = larger
    }
    this.tokens[this.numTokens++] = token
  }
}
