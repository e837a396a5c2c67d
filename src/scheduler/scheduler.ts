import { PromptTooLongError } from '../core/errors.js'
import type { FinishReason } from '../core/finish-reason.js'
import { RowOutput, type StepTokens } from '../core/step.js'
import { tryAdmit } from './admission.js'
import type { BlockPool } from './block-pool.js'
import { commitRow } from './commit-row.js'
import { Plan, RowOutcome } from './plan.js'
import { initialStepCosts, type StepCosts } from '../profiler/step-costs.js'
import { fcfs } from './policies/fcfs.js'
import type { Policy, PolicyView } from './policy.js'
import { RunningList } from './running-list.js'
import type { Sequence } from './sequence.js'
import { fullBudget, type TokenBudget } from './token-budget.js'
import { WaitingQueue } from './waiting-queue.js'

export interface SchedulerOptions<S extends Sequence> {
  readonly pool: BlockPool
  /** Sequences that hold blocks at most, and so rows of a plan. */
  readonly maxNumSeqs: number
  /** Tokens of a plan at most; at least `maxNumSeqs`, so that every running sequence can decode. */
  readonly maxBatchTokens: number
  /** Longest sequence, prompt and output together, in tokens. */
  readonly maxSequenceTokens: number
  /** Plans that may be uncommitted at once; 2. */
  readonly maxOutstanding?: number
  readonly policy?: Policy
  readonly budget?: TokenBudget
  /** What steps cost, as far as is known now; read for each plan. */
  readonly stepCosts?: () => StepCosts
  /** Brings the sequence's `prefixKeys` up to the tokens that it has; called before a readmission. */
  readonly extendKeys?: (sequence: S) => void
}

export interface SchedulerStats {
  readonly waiting: number
  readonly running: number
  readonly outstanding: number
  readonly preemptions: number
}

/**
 * Decides what each step computes: continuous batching with chunked prefill (Orca, Yu et al. 2022;
 * Sarathi-Serve, Agrawal et al. 2024, arXiv:2403.02310) over KV in blocks, with preemption by recompute.
 *
 * Pure: it reads no clock and does no I/O. `plan` and `commit` alternate in any way that leaves at
 * most `maxOutstanding` plans uncommitted; plans are committed in the order they were made.
 */
export class Scheduler<S extends Sequence = Sequence> {
  readonly policy: Policy
  readonly #pool: BlockPool
  readonly #options: SchedulerOptions<S>
  readonly #waiting: WaitingQueue<S>
  readonly #running: RunningList<S>
  #forking = 0
  readonly #byId = new Map<number, S>()
  /** Plan n is `#plans[n % length]`. */
  readonly #plans: Array<Plan<S>>
  #lastPlanId = 0
  #lastCommittedId = 0
  #preemptions = 0
  readonly #view: PolicyView

  constructor (options: SchedulerOptions<S>) {
    if (options.maxBatchTokens < options.maxNumSeqs) {
      throw new RangeError(`maxBatchTokens (${options.maxBatchTokens}) must be at least maxNumSeqs (${options.maxNumSeqs}).`)
    }
    this.#options = options
    this.#pool = options.pool
    this.policy = options.policy ?? fcfs
    this.#waiting = new WaitingQueue<S>(this.policy)
    this.#running = new RunningList(this.policy)
    this.#plans = Array.from({ length: options.maxOutstanding ?? 2 },
      () => new Plan<S>(options.maxNumSeqs, options.maxBatchTokens))
    this.#view = {
      nowMs: 0,
      costs: initialStepCosts,
      maxNumSeqs: options.maxNumSeqs,
      running: 0,
      waiting: 0,
      poolTokens: options.pool.totalBlocks * options.pool.blockTokens,
      freeRatio: 1,
      contextTokens: 0
    }
  }

  /**
   * Queues a sequence. Its `maxTokens` is lowered to what the context and the pool can hold.
   *
   * @throws PromptTooLongError when its prompt alone does not fit
   */
  add (sequence: S): void {
    const poolTokens = this.#pool.totalBlocks * this.#pool.blockTokens
    const { maxSequenceTokens } = this.#options
    const samples = sequence.maxTokens > 0 ? 1 : 0
    if (sequence.promptTokens + samples > maxSequenceTokens) {
      throw new PromptTooLongError(sequence.promptTokens, maxSequenceTokens - samples,
        'Shorten it, or restart with a larger --max-model-len if the model allows it.')
    }
    if (sequence.promptTokens > poolTokens) {
      throw new PromptTooLongError(sequence.promptTokens, poolTokens, 'Shorten it, or restart with a larger --kv-cache-memory.')
    }
    // The last sampled token needs no KV.
    sequence.maxTokens = Math.min(sequence.maxTokens, maxSequenceTokens - sequence.promptTokens,
      poolTokens - sequence.promptTokens + 1)
    this.#byId.set(sequence.id, sequence)
    const parent = sequence.parent
    if (parent !== undefined && parent.state !== 'ended' && parent.generatedTokens === 0 && parent.promptPlanId === 0) {
      sequence.state = 'forking'
      parent.forks.push(sequence)
      this.#forking++
    } else {
      this.#waiting.push(sequence, this.#look(sequence.arrivalMs))
    }
  }

  /** Ends a sequence at once and frees its blocks; false when there is none of that id. */
  abort (id: number, nowMs: number, reason: FinishReason = 'abort'): boolean {
    const sequence = this.#byId.get(id)
    if (sequence === undefined) return false
    this.#end(sequence, reason, nowMs)
    return true
  }

  /**
   * The rows of the next step: running decodes first, then unfinished prompts, then admissions in
   * policy order. Undefined when there is nothing to compute, or when the plans that may be
   * outstanding are.
   */
  plan (nowMs: number): Plan<S> | undefined {
    if (this.#lastPlanId - this.#lastCommittedId >= this.#plans.length) return undefined
    this.#running.compact()
    const view = this.#look(nowMs)
    const id = this.#lastPlanId + 1
    const plan = this.#plans[id % this.#plans.length]!
    plan.start(id)
    const budget = this.#budget(nowMs)
    const preemptions = this.#preemptions
    this.#planDecodes(plan, budget, nowMs)
    this.#planPrompts(plan, budget)
    // What was preempted for want of blocks does not come back in the same breath.
    if (this.#preemptions === preemptions) this.#admit(plan, budget, view)
    if (plan.numRows === 0) return undefined
    this.#lastPlanId = id
    this.#releaseForks(plan)
    return plan
  }

  /**
   * Takes in a step's result: appends tokens, ends sequences, publishes blocks. Writes `plan.outcomes`;
   * rows of sequences that had ended are `dropped`.
   */
  commit (planId: number, result: StepTokens, nowMs: number): Plan<S> {
    const plan = this.#takeOutstanding(planId)
    for (let row = 0; row < plan.numRows; row++) {
      const sequence = plan.sequences[row]!
      const reason = commitRow(this.#pool, plan, row, result, nowMs)
      if (reason !== undefined) this.#end(sequence, reason, nowMs)
    }
    return plan
  }

  /** A step failed as a whole: ends every sequence that had a row in it, with reason 'error'. */
  fail (planId: number, nowMs: number): Plan<S> {
    const plan = this.#takeOutstanding(planId)
    for (let row = 0; row < plan.numRows; row++) {
      const sequence = plan.sequences[row]!
      sequence.pendingRows--
      plan.outcomes[row] = sequence.state === 'ended' ? RowOutcome.dropped : RowOutcome.failed
      if (sequence.state !== 'ended') this.#end(sequence, 'error', nowMs)
    }
    return plan
  }

  stats (): SchedulerStats {
    return {
      waiting: this.#waiting.size + this.#forking,
      running: this.#running.size,
      outstanding: this.#lastPlanId - this.#lastCommittedId,
      preemptions: this.#preemptions
    }
  }

  /** Those not ended, in no order. */
  sequences (): Iterable<S> {
    return this.#byId.values()
  }

  #takeOutstanding (planId: number): Plan<S> {
    if (planId !== this.#lastCommittedId + 1 || planId > this.#lastPlanId) {
      throw new Error(`Plan ${planId} is not the oldest outstanding one (${this.#lastCommittedId + 1} to ${this.#lastPlanId}).`)
    }
    this.#lastCommittedId = planId
    return this.#plans[planId % this.#plans.length]!
  }

  /** Brings the policy's view up to date. */
  #look (nowMs: number): PolicyView {
    const view = this.#view
    view.nowMs = Math.max(view.nowMs, nowMs)
    view.costs = this.#options.stepCosts?.() ?? initialStepCosts
    view.running = this.#running.size
    view.waiting = this.#waiting.size + this.#forking
    if (view.waiting > 0) {
      const { freeBlocks, cachedBlocks } = this.#pool.stats()
      view.freeRatio = (freeBlocks + cachedBlocks) / this.#pool.totalBlocks
    }
    return view
  }

  #budget (nowMs: number): number {
    let decodes = 0
    let contextTokens = 0
    for (const sequence of this.#running.items) {
      if (!sequence.isDecoding || sequence.isComplete) continue
      decodes++
      contextTokens += sequence.planned
    }
    this.#view.contextTokens = contextTokens
    const { maxBatchTokens, budget = fullBudget } = this.#options
    const tokens = budget({ nowMs, maxBatchTokens, decodes, contextTokens })
    return Math.min(Math.max(1, Math.floor(tokens)), maxBatchTokens)
  }

  #planDecodes (plan: Plan<S>, budget: number, nowMs: number): void {
    for (const sequence of this.#running.items) {
      if (plan.numTokens >= budget) return
      // Preempted a moment ago, by a row before its own.
      if (sequence.state !== 'running') continue
      if (!sequence.isDecoding || sequence.isComplete) continue
      if (this.#tryGrow(sequence, plan, nowMs)) this.#addRow(plan, sequence, 1)
    }
  }

  #planPrompts (plan: Plan<S>, budget: number): void {
    for (const sequence of this.#running.items) {
      if (plan.numTokens >= budget) return
      if (sequence.state !== 'running' || sequence.isDecoding || sequence.isComplete) continue
      this.#addRow(plan, sequence, Math.min(sequence.remainingTokens, budget - plan.numTokens))
    }
  }

  /** Stops at the first that does not fit: a later one that would must not overtake it for ever. */
  #admit (plan: Plan<S>, budget: number, view: PolicyView): void {
    if (plan.numTokens < budget) this.#waiting.refresh(view)
    while (plan.numTokens < budget && this.#running.size < this.#options.maxNumSeqs) {
      const sequence = this.#waiting.peek(view)
      if (sequence === undefined) return
      const admitted = tryAdmit({
        pool: this.#pool,
        sequence,
        running: this.#running.size,
        planId: plan.id,
        extendKeys: this.#options.extendKeys
      })
      if (!admitted) return
      this.#waiting.remove(sequence)
      this.#running.insert(sequence)
      sequence.clock.enter('prefill', view.nowMs)
      this.#addRow(plan, sequence, Math.min(sequence.remainingTokens, budget - plan.numTokens))
    }
  }

  #addRow (plan: Plan<S>, sequence: S, count: number): void {
    const start = sequence.planned
    const toEnd = start + count === sequence.expectedTokens
    const sample = toEnd && sequence.expectedTokens - sequence.promptTokens < sequence.maxTokens
    let outputs = 0
    if (sample) outputs = sequence.logprobs ? RowOutput.sample | RowOutput.logprobs : RowOutput.sample
    if (sequence.promptLogprobs && start < sequence.promptTokens && sequence.generatedTokens === 0) {
      outputs |= RowOutput.promptLogprobs
    }
    plan.addRow(sequence, start, count, outputs)
    sequence.planned += count
    sequence.pendingRows++
    sequence.lastPlanId = plan.id
    if (sample) sequence.pendingSamples++
    if (sequence.promptPlanId === 0 && sequence.planned >= sequence.promptTokens) sequence.promptPlanId = plan.id
  }

  /** A block for the sequence's next token, taken from others if need be. */
  #tryGrow (sequence: S, plan: Plan<S>, nowMs: number): boolean {
    if (sequence.planned < sequence.grown) return true
    const grown = sequence.grown + this.#pool.blockTokens
    while (!this.#pool.grow(sequence.slot!, grown)) {
      const victim = this.#running.victim(sequence, plan.id, this.#view)
      // Those before it have the last blocks. It keeps its own and tries again in the next plan.
      if (victim === undefined) return false
      this.#preempt(victim, nowMs)
    }
    sequence.grown = grown
    return true
  }

  /** By recompute: its blocks go back, its tokens stay, and so does its slot with the sampling state. */
  #preempt (sequence: S, nowMs: number): void {
    this.#pool.free(sequence.slot!)
    sequence.state = 'waiting'
    sequence.epoch++
    sequence.computed = 0
    sequence.planned = 0
    sequence.grown = 0
    sequence.preemptions++
    sequence.clock.enter('preempted', nowMs)
    this.#running.leave()
    this.#preemptions++
    this.#waiting.push(sequence, this.#view)
    this.#requeueForks(sequence)
  }

  #end (sequence: S, reason: FinishReason, nowMs: number): void {
    if (sequence.state === 'waiting') this.#waiting.remove(sequence)
    if (sequence.state === 'running') this.#running.leave()
    if (sequence.state === 'forking') {
      const { forks } = sequence.parent!
      forks.splice(forks.indexOf(sequence), 1)
      this.#forking--
    }
    sequence.state = 'ended'
    sequence.finishReason = reason
    sequence.clock.stop(nowMs)
    this.#byId.delete(sequence.id)
    if (sequence.slot !== undefined) this.#pool.close(sequence.slot)
    sequence.slot = undefined
    this.#requeueForks(sequence)
  }

  /** Forks of prompts that this plan completes can be admitted from the next plan on. */
  #releaseForks (plan: Plan<S>): void {
    for (const sequence of plan.sequences) {
      if (sequence.forks.length > 0 && sequence.promptPlanId === plan.id) this.#requeueForks(sequence)
    }
  }

  #requeueForks (parent: Sequence): void {
    for (const fork of parent.forks as S[]) {
      fork.state = 'waiting'
      this.#waiting.push(fork, this.#view)
      this.#forking--
    }
    parent.forks.length = 0
  }
}
