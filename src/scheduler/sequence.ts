import type { FinishReason } from '../core/finish-reason.js'
import type { Pace } from './pacing.js'
import type { ExpectedWait, ParkedKv } from './parked-kv.js'
import { PhaseClock } from './phase-clock.js'
import { PromptLookup } from './prompt-lookup.js'

/** What a request wants of its own speed, in ms from its arrival; missing = no wish. */
export interface Slo {
  readonly ttftMs?: number
  readonly tpotMs?: number
  /** Arrival to the last token. */
  readonly deadlineMs?: number
}

/** A tool that the sequence is expected to call: after `tokens` more of its own, it waits and reads the result. */
export interface ToolForecast {
  readonly tokens: number
  readonly durationMs: number
  readonly resultTokens: number
}

export interface SequenceOptions {
  /** Unique and rising: breaks ties between equal arrivals. */
  readonly id: number
  readonly arrivalMs: number
  /** When its own time begins, where that is later than its request's arrival: after a tool. */
  readonly queuedMs?: number
  /** (promptTokens,): copied. */
  readonly promptIds: Int32Array
  /** Sampled tokens at most; `Scheduler.add` lowers it to what context and pool can hold. */
  readonly maxTokens: number
  readonly logprobs?: boolean
  /** Its tokens are sampled under masks, which the engine sets. */
  readonly isMasked?: boolean
  readonly promptLogprobs?: boolean
  /** The hidden state of the prompt's last token; of a sequence that samples nothing. */
  readonly wantsHidden?: boolean
  /** Lower runs first under policies that look at it; finite. */
  readonly priority?: number
  readonly slo?: Slo
  /** Of the client's network: 0 (bad) to 1; 1. */
  readonly linkHealth?: number
  /** What its client takes, reading or over its link; missing = as fast as people read. */
  readonly readingTokensPerSec?: number
  /** Output tokens that are expected (for times), and that are likely not exceeded (for memory). */
  readonly predictedTokens?: number
  readonly reservedTokens?: number
  /** In the order in which they are expected; `predictedTokens` follow the last one. */
  readonly toolForecasts?: readonly ToolForecast[]
  /** It goes on after a tool call, in a new turn: of that sequence, when the caller knows. */
  readonly isResumed?: boolean
  readonly resumes?: number
  /** Turns of one session share it. */
  readonly sessionId?: string
  /**
   * Its KV stays after a stop, because a tool may be running for it: the expected wait. Until
   * `Scheduler.expectReturn` or `Scheduler.release` says more.
   */
  readonly parksOnStop?: ExpectedWait
  /** Tokens that are drafted for one of its rows at most; missing or 0 = none. It must sample without penalties and masks then. */
  readonly maxDraftTokens?: number
  /** h_0 of the prefix-key chain; missing = its blocks never enter the prefix index. */
  readonly prefixRoot?: Uint8Array
  /** h_1, h_2, ... of the prompt's full blocks, 32 bytes each; missing = it reads no cached prefix. */
  readonly prefixKeys?: Uint8Array
  /** The sequence of the same prompt whose KV this one shares, when that is there in time. */
  readonly forkOf?: Sequence
}

/** Without a prediction: the median answer of chat traffic is about that long. */
const defaultPredictedTokens = 192

/**
 * forking: waits for its parent's prompt to be computed. waiting: in the queue, holds no blocks.
 * running: holds blocks, gets rows.
 */
export type SequenceState = 'forking' | 'waiting' | 'running' | 'ended'

/** One stream of tokens, as the scheduler sees it. Only the scheduler changes it, but for `drop`. */
export class Sequence {
  readonly id: number
  readonly arrivalMs: number
  readonly priority: number
  readonly slo: Slo
  /** Moments, not durations; Infinity = none. */
  readonly ttftDeadlineMs: number
  readonly deadlineMs: number
  linkHealth: number
  readonly readingTokensPerSec: number | undefined
  predictedTokens: number
  reservedTokens: number
  readonly toolForecasts: readonly ToolForecast[]
  /** Also when the scheduler finds that a tool's result has come back with it. */
  isResumed: boolean
  readonly resumes: number | undefined
  readonly sessionId: string | undefined
  readonly parksOnStop: ExpectedWait | undefined
  readonly promptTokens: number
  readonly logprobs: boolean
  readonly isMasked: boolean
  readonly promptLogprobs: boolean
  readonly wantsHidden: boolean
  readonly prefixRoot: Uint8Array | undefined
  prefixKeys: Uint8Array | undefined
  readonly clock: PhaseClock
  /** Drafts what it may write next, where that is asked for. */
  readonly lookup: PromptLookup | undefined

  maxTokens: number
  state: SequenceState = 'waiting'
  finishReason: FinishReason | undefined
  /** From the first admission to the end, also while preempted. */
  slot: number | undefined
  /** Prompt tokens whose KV came from the prefix cache at the first admission; of forks, the shared ones. */
  cachedTokens: number | undefined
  preemptions = 0
  /** Its blocks are in the host tier. */
  isSwapped = false
  /** KV of the turn before this one, until it is admitted. */
  parked: ParkedKv | undefined

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
  /** Rows in outstanding plans, and the tokens that they may give. */
  pendingRows = 0
  pendingSamples = 0
  /** Counts admissions: a row planned before a preemption tells nothing of the KV after it. */
  epoch = 0
  /** Tokens known when it was admitted last: it gives way again only after progress. */
  admittedTokens = 0
  /** The plan of its newest row, and the one that completed its prompt since it was admitted. */
  lastPlanId = 0
  promptPlanId = 0
  /** What the policy made of it: see `Policy.rank`. */
  rankClass = 0
  rankKey = 0
  rankTie = 0
  rankUntilMs = Infinity
  /** Memory times time that it takes in all, as a policy has estimated it at the arrival. */
  footprintTokenSec: number | undefined
  /** When it is due though it cannot keep its SLO any more; a policy has said so once. */
  lateDueMs: number | undefined
  /** Places in the waiting queue's heaps; the queue's own. */
  rankHandle = -1
  changeHandle = -1
  /** What the waiting queue has counted of it; the queue's own. */
  queuedPrefillTokens = 0
  queuedOutputTokens = 0
  /** From its first token on, where sequences are paced. */
  pace: Pace | undefined
  parent: Sequence | undefined
  /** Forks that wait for this sequence's prompt. */
  forks: Sequence[] = []

  constructor (options: SequenceOptions) {
    this.id = options.id
    this.arrivalMs = options.arrivalMs
    this.priority = options.priority ?? 0
    this.slo = options.slo ?? {}
    this.ttftDeadlineMs = options.arrivalMs + (this.slo.ttftMs ?? Infinity)
    this.deadlineMs = options.arrivalMs + (this.slo.deadlineMs ?? Infinity)
    this.linkHealth = options.linkHealth ?? 1
    this.readingTokensPerSec = options.readingTokensPerSec
    this.predictedTokens = options.predictedTokens ?? defaultPredictedTokens
    this.reservedTokens = options.reservedTokens ?? this.predictedTokens
    this.toolForecasts = options.toolForecasts ?? []
    this.isResumed = options.isResumed ?? options.resumes !== undefined
    this.resumes = options.resumes
    this.sessionId = options.sessionId
    this.parksOnStop = options.parksOnStop
    this.promptTokens = options.promptIds.length
    this.maxTokens = options.maxTokens
    this.logprobs = options.logprobs ?? false
    this.isMasked = options.isMasked ?? false
    this.promptLogprobs = options.promptLogprobs ?? false
    this.wantsHidden = options.wantsHidden ?? false
    this.prefixRoot = options.prefixRoot
    this.prefixKeys = options.prefixKeys
    this.parent = options.forkOf
    this.clock = new PhaseClock(options.queuedMs ?? options.arrivalMs)
    const { maxDraftTokens = 0 } = options
    this.lookup = maxDraftTokens > 0 ? new PromptLookup(maxDraftTokens) : undefined
    this.tokens = new Int32Array(options.promptIds.length + 64)
    this.tokens.set(options.promptIds)
    this.numTokens = options.promptIds.length
  }

  get generatedTokens (): number {
    return this.numTokens - this.promptTokens
  }

  /** Output tokens that are expected from now on: at least one while it goes on. */
  get predictedRest (): number {
    return Math.max(1, Math.min(this.predictedTokens, this.maxTokens) - this.generatedTokens)
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
    if (this.generatedTokens >= this.reservedTokens) this.#predictAgain()
  }

  /** Gives up its last tokens, for whoever reads them as text: its answer has ended before them, and so does it. */
  drop (count: number): void {
    this.numTokens -= count
  }

  /** It is longer than was likely: the next bucket of twice the size is (docs/scheduling.md). */
  #predictAgain (): void {
    this.reservedTokens = Math.max(8, 2 * this.reservedTokens)
    this.predictedTokens = Math.max(this.predictedTokens, 0.75 * this.reservedTokens)
  }
}
