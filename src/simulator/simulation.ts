import { PromptTooLongError } from '../core/errors.js'
import type { BlockPool } from '../scheduler/block-pool.js'
import { KeyHeap } from '../scheduler/key-heap.js'
import type { SwapCosts } from '../scheduler/min-waste.js'
import { RowOutcome } from '../scheduler/plan.js'
import type { PacingOptions } from '../scheduler/pacing.js'
import type { Policy } from '../scheduler/policy.js'
import { Scheduler } from '../scheduler/scheduler.js'
import type { TokenBudget } from '../scheduler/token-budget.js'
import { CountingPool } from './counting-pool.js'
import { defined } from './defined.js'
import { textOf } from './prompt-tokens.js'
import { RequestProgress } from './request-progress.js'
import type { RequestResult } from './request-result.js'
import { SimulatedDevice } from './simulated-device.js'
import { SimulatedSequence } from './simulated-sequence.js'
import type { StepTimes } from './step-times.js'
import type { TraceRequest } from './trace-request.js'

/** Keys of the prefix index; the addon's functions, bound to a block size. */
export interface PrefixHashing {
  readonly root: Uint8Array
  /** Of the full blocks of `tokenIds`, from `root` on. */
  keysOf (root: Uint8Array, tokenIds: Int32Array): Uint8Array
}

/** What is known of the tools' durations; `ToolDurations` of the profiler fits. */
export interface ToolTimes {
  observe (name: string, durationMs: number): void
  remainingMs (name: string, waitedMs: number): number
}

export interface SimulationOptions {
  /** Accounting only; a new one for each run. */
  readonly pool: BlockPool
  readonly swap?: SwapCosts
  readonly times: StepTimes
  readonly policy?: Policy
  readonly budget?: TokenBudget
  readonly pacing?: PacingOptions
  readonly maxNumSeqs: number
  readonly maxBatchTokens: number
  readonly maxSequenceTokens: number
  readonly reserveRatio?: number
  /** Missing = the KV of a request that waits for a tool is given back at once. */
  readonly toolTimes?: ToolTimes
  /** A turn after a tool counts as come when the request came, not when the tool returned. */
  readonly keepsArrival?: boolean
  /** A turn after a tool looks like a new request, as it does to an engine that nobody tells of tools. */
  readonly returnsAreNew?: boolean
  /** Missing = no prefix cache. */
  readonly prefix?: PrefixHashing
  /** Called with each token of a request, by its place in the trace. */
  readonly onToken?: (index: number, nowMs: number) => void
  /** Called now and then with the share of requests that are done. */
  readonly onProgress?: (done: number) => void
}

export interface SimulationResult {
  /** In the trace's order. */
  readonly requests: readonly RequestResult[]
  /** From time 0 to the last token. */
  readonly durationMs: number
  readonly busyMs: number
  readonly steps: number
}

/** A request that waits for its tool. */
interface ToolWait {
  readonly returnMs: number
  readonly caller: SimulatedSequence
}

/** Health of a link is exp(-rtt / this), 0 to 1. */
const healthRttMs = 500

/**
 * Runs the scheduler over a trace with a device that only takes time: the same steps, in the same order,
 * as the engine's loop with two steps queued. The same trace and options give the same result.
 */
export function simulate (trace: readonly TraceRequest[], options: SimulationOptions): SimulationResult {
  return new Simulation(trace, options).run()
}

class Simulation {
  readonly #trace: readonly TraceRequest[]
  readonly #options: SimulationOptions
  readonly #scheduler: Scheduler<SimulatedSequence>
  readonly #device: SimulatedDevice
  readonly #toolWaits = new KeyHeap<ToolWait>(2)

  readonly #results: RequestResult[] = []
  #nowMs = 0
  #arrived = 0
  #ended = 0
  #lastId = 0

  constructor (trace: readonly TraceRequest[], options: SimulationOptions) {
    this.#trace = trace
    this.#options = options
    const pool = new CountingPool(options.pool)
    const { prefix } = options
    this.#device = new SimulatedDevice(options.times, options.maxNumSeqs, () => swapMs(pool, options.swap))
    this.#scheduler = new Scheduler<SimulatedSequence>(defined({
      pool,
      swap: options.swap,
      reserveRatio: options.reserveRatio,
      maxNumSeqs: options.maxNumSeqs,
      maxBatchTokens: options.maxBatchTokens,
      maxSequenceTokens: options.maxSequenceTokens,
      policy: options.policy,
      budget: options.budget,
      pacing: options.pacing,
      stepCosts: () => options.times.costs,
      extendKeys: prefix === undefined ? undefined : (sequence: SimulatedSequence) => { extendKeys(sequence, prefix) }
    }))
  }

  run (): SimulationResult {
    for (;;) {
      const arrivalMs = this.#trace[this.#arrived]?.arrivalMs ?? Infinity
      const returnMs = this.#toolWaits.peek()?.returnMs ?? Infinity
      const nextMs = Math.min(this.#device.endMs, arrivalMs, returnMs)
      if (nextMs === Infinity) break
      this.#nowMs = nextMs
      if (this.#device.endMs === nextMs) this.#finishStep()
      this.#arrivals()
      this.#toolReturns()
      this.#fillQueue()
    }
    if (this.#ended < this.#trace.length) {
      throw new Error(`The scheduler stopped with ${this.#trace.length - this.#ended} requests left.`)
    }
    return {
      requests: this.#results, durationMs: this.#nowMs, busyMs: this.#device.busyMs, steps: this.#device.steps
    }
  }

  #finishStep (): void {
    const { planId, result } = this.#device.take()
    const plan = this.#scheduler.commit(planId, result, this.#nowMs)
    for (let row = 0; row < plan.numRows; row++) {
      if (plan.outcomes[row] !== RowOutcome.token) continue
      const sequence = plan.sequences[row]!
      sequence.progress.onToken(this.#nowMs)
      this.#options.onToken?.(sequence.progress.index, this.#nowMs)
      if (sequence.state === 'ended') this.#endTurn(sequence)
    }
    this.#device.next(this.#nowMs)
  }

  #arrivals (): void {
    for (let next = this.#trace[this.#arrived]; next !== undefined && next.arrivalMs <= this.#nowMs;) {
      const progress = new RequestProgress(this.#arrived++, next)
      const textAt = textOf(next)
      this.#begin(progress, this.#firstPrompt(next, textAt), textAt)
      next = this.#trace[this.#arrived]
    }
  }

  #toolReturns (): void {
    for (let next = this.#toolWaits.peek(); next !== undefined && next.returnMs <= this.#nowMs;) {
      this.#toolWaits.pop()
      const { caller } = next
      const { request, turn } = caller.progress
      const prompt = new Int32Array(caller.numTokens + request.tools![turn - 1]!.resultTokens)
      prompt.set(caller.tokens.subarray(0, caller.numTokens))
      for (let i = caller.numTokens; i < prompt.length; i++) prompt[i] = caller.textAt(i)
      const { name = '', durationMs } = request.tools![turn - 1]!
      this.#options.toolTimes?.observe(name, durationMs)
      this.#begin(caller.progress, prompt, textOf(request), caller)
      next = this.#toolWaits.peek()
    }
  }

  #fillQueue (): void {
    for (let plan = this.#scheduler.plan(this.#nowMs); plan !== undefined; plan = this.#scheduler.plan(this.#nowMs)) {
      this.#device.queue(plan, this.#nowMs)
    }
  }

  #firstPrompt (request: TraceRequest, textAt: ((position: number) => number) | undefined): Int32Array {
    const prompt = new Int32Array(request.promptTokens)
    if (textAt !== undefined) for (let i = 0; i < prompt.length; i++) prompt[i] = textAt(i)
    return prompt
  }

  /** Queues a request's next turn. */
  #begin (
    progress: RequestProgress, promptIds: Int32Array, textAt: ((position: number) => number) | undefined, caller?: SimulatedSequence
  ): void {
    const { request, turn } = progress
    const { prefix, maxSequenceTokens, toolTimes, keepsArrival, returnsAreNew } = this.#options
    const isCached = prefix !== undefined && textAt !== undefined
    const tool = request.tools?.[turn]
    const sequence = new SimulatedSequence(defined({
      id: ++this.#lastId,
      arrivalMs: keepsArrival === true ? request.arrivalMs : this.#nowMs,
      promptIds,
      maxTokens: request.maxTokens ?? maxSequenceTokens,
      priority: request.priority,
      slo: turn === 0 ? request.slo : laterSlo(request, keepsArrival === true ? request.arrivalMs : this.#nowMs),
      linkHealth: request.rttMs === undefined ? undefined : Math.exp(-request.rttMs / healthRttMs),
      readingTokensPerSec: request.readingTokensPerSec,
      predictedTokens: request.predictedTokens,
      reservedTokens: request.reservedTokens,
      toolForecasts: request.toolForecasts?.slice(turn),
      isResumed: turn > 0 && returnsAreNew !== true,
      resumes: returnsAreNew === true ? undefined : caller?.id,
      parksOnStop: tool === undefined || toolTimes === undefined
        ? undefined
        : (waitedMs: number) => toolTimes.remainingMs(tool.name ?? '', waitedMs),
      prefixRoot: isCached ? prefix.root : undefined,
      prefixKeys: isCached ? prefix.keysOf(prefix.root, promptIds) : undefined
    }), progress, this.#nowMs, textAt ?? (() => 0))
    try {
      this.#scheduler.add(sequence)
    } catch (error) {
      if (!(error instanceof PromptTooLongError)) throw error
      this.#end(progress.failed(error.message))
    }
  }

  #endTurn (caller: SimulatedSequence): void {
    const { progress } = caller
    progress.onTurnEnd(caller)
    const tool = progress.request.tools?.[progress.turn]
    // An answer that was cut short calls no tool.
    if (tool === undefined || caller.finishReason !== 'stop') {
      this.#end(progress.finished(this.#nowMs))
      return
    }
    progress.onTool(tool.durationMs)
    const returnMs = this.#nowMs + tool.durationMs
    this.#toolWaits.push({ returnMs, caller }, returnMs, caller.id)
  }

  #end (result: RequestResult): void {
    this.#results[result.index] = result
    this.#ended++
    if (this.#ended % 1024 === 0) this.#options.onProgress?.(this.#ended / this.#trace.length)
  }
}

/** What steps wait for copies between the tiers that nothing hides. */
function swapMs (pool: CountingPool, swap: SwapCosts | undefined): number {
  const tokens = pool.takeMovedTokens()
  return swap === undefined ? 0 : tokens * swap.tokenMs * (1 - swap.hiddenRatio)
}

/** After a tool, the first token has been seen; the deadline comes nearer. */
function laterSlo (request: TraceRequest, arrivalMs: number): TraceRequest['slo'] {
  const { tpotMs, deadlineMs } = request.slo ?? {}
  return defined({ tpotMs, deadlineMs: deadlineMs === undefined ? undefined : request.arrivalMs + deadlineMs - arrivalMs })
}

/** Keys of blocks that were filled since the sequence's keys were made. */
function extendKeys (sequence: SimulatedSequence, prefix: PrefixHashing): void {
  if (sequence.prefixKeys !== undefined) sequence.prefixKeys = prefix.keysOf(prefix.root, sequence.tokens.subarray(0, sequence.numTokens))
}
