import { PromptTooLongError } from '../core/errors.js'
import type { FinishReason } from '../core/finish-reason.js'
import { RowOutput, type StepTokens } from '../core/step.js'
import { blocksFor, tryAdmit, type AdmissionInput } from './admission.js'
import type { BlockPool } from './block-pool.js'
import { commitRow } from './commit-row.js'
import { Plan, RowOutcome } from './plan.js'
import { initialStepCosts } from '../profiler/step-costs.js'
import type { SwapCosts } from './min-waste.js'
import type { Backlog, SchedulerOptions, SchedulerStats } from './scheduler-options.js'
import { forecast, type Forecast } from './forecast.js'
import { Pacer } from './pacing.js'
import { ParkedStore, type ExpectedWait } from './parked-kv.js'
import { fcfs } from './policies/fcfs.js'
import type { Policy, PolicyView } from './policy.js'
import { Preemption } from './preemption.js'
import { RunningList } from './running-list.js'
import type { Sequence } from './sequence.js'
import { Speculation } from './speculation.js'
import { fullBudget } from './token-budget.js'
import { WaitingQueue } from './waiting-queue.js'

const noSpeculation = { drafts: 0, draftTokens: 0, acceptedTokens: 0, acceptedByPosition: [0] }

/** A copy within one machine's memory: 100 KB a token at some 5 GB/s, on the steps' own thread. */
const defaultSwapCosts: SwapCosts = { tokenMs: 0.02, hiddenRatio: 0 }

/**
 * Decides what each step computes: continuous batching with chunked prefill (Orca, Yu et al. 2022;
 * Sarathi-Serve, Agrawal et al. 2024, arXiv:2403.02310) over KV in blocks, with preemption by recompute
 * or by swap to the host tier.
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
  readonly #maxOutstanding: number
  /** Plan n is `#plans[n % length]`. */
  readonly #plans: Array<Plan<S>>
  #lastPlanId = 0
  #lastCommittedId = 0
  readonly #parked: ParkedStore
  readonly #pacer: Pacer<S> | undefined
  readonly #speculation: Speculation | undefined
  /** Sequences that hold blocks at most. */
  readonly #maxResidentSeqs: number
  readonly #preemption: Preemption<S>
  /** Blocks that admissions leave free. */
  #reserveBlocks = 0
  /** Tokens of drafts that the plan being made has room for, and the sequences that decode in it. */
  #draftTokens = 0
  #decodes = 0
  readonly #view: PolicyView

  constructor (options: SchedulerOptions<S>) {
    if (options.maxBatchTokens < options.maxNumSeqs) {
      throw new RangeError(`maxBatchTokens (${options.maxBatchTokens}) must be at least maxNumSeqs (${options.maxNumSeqs}).`)
    }
    const { pacing } = options
    if (pacing !== undefined && pacing.maxResidentSeqs < options.maxNumSeqs) {
      throw new RangeError(`maxResidentSeqs (${pacing.maxResidentSeqs}) must be at least maxNumSeqs (${options.maxNumSeqs}).`)
    }
    this.#pacer = pacing === undefined ? undefined : new Pacer(pacing)
    this.#maxResidentSeqs = pacing?.maxResidentSeqs ?? options.maxNumSeqs
    this.#options = options
    this.#maxOutstanding = options.maxOutstanding ?? 2
    this.#pool = options.pool
    this.#speculation = options.speculates === true && pacing === undefined ? new Speculation(options.pool) : undefined
    this.policy = options.policy ?? fcfs
    this.#waiting = new WaitingQueue<S>(this.policy)
    this.#running = new RunningList()
    // One more: the last committed one is still read while the next is made.
    this.#plans = Array.from({ length: this.#maxOutstanding + 1 },
      () => new Plan<S>(options.maxNumSeqs, options.maxBatchTokens))
    const { pool, swap = defaultSwapCosts } = options
    this.#parked = new ParkedStore({ pool, swap, maxWaitMs: options.maxParkedMs ?? 600_000 })
    this.#preemption = new Preemption({
      pool,
      policy: this.policy,
      maxResidentSeqs: this.#maxResidentSeqs,
      swap,
      waiting: this.#waiting,
      running: this.#running,
      parked: this.#parked,
      onPreempted: sequence => {
        this.#waiting.push(sequence, this.#view)
        this.#requeueForks(sequence)
      }
    })
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
    this.checkPrompt(sequence.promptTokens, sequence.maxTokens)
    const poolTokens = this.#pool.totalBlocks * this.#pool.blockTokens
    const { maxSequenceTokens } = this.#options
    // The last sampled token needs no KV.
    sequence.maxTokens = Math.min(sequence.maxTokens, maxSequenceTokens - sequence.promptTokens,
      poolTokens - sequence.promptTokens + 1)
    this.#byId.set(sequence.id, sequence)
    this.#claimParked(sequence)
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
   * When a sequence that is not queued would run if it came now and nothing came after it; in under a
   * tenth of a millisecond however long the queue is.
   */
  forecast (sequence: S, nowMs: number): Forecast {
    const view = this.#look(nowMs)
    this.policy.rank(sequence, view)
    return this.#forecast(sequence.promptTokens, sequence.predictedRest, this.#waiting.shareBefore(sequence), view)
  }

  /** The same for a prompt of a token behind everything that waits. */
  forecastLast (nowMs: number): Forecast {
    return this.#forecast(1, 1, 1, this.#look(nowMs))
  }

  /**
   * For whoever has more to do before it is added.
   *
   * @throws PromptTooLongError when a prompt alone does not fit
   */
  checkPrompt (promptTokens: number, maxTokens: number): void {
    const poolTokens = this.#pool.totalBlocks * this.#pool.blockTokens
    const { maxSequenceTokens } = this.#options
    const samples = maxTokens > 0 ? 1 : 0
    if (promptTokens + samples > maxSequenceTokens) {
      throw new PromptTooLongError(promptTokens, maxSequenceTokens - samples, 'Shorten it, or restart with a larger --max-model-len if the model allows it.')
    }
    if (promptTokens > poolTokens) throw new PromptTooLongError(promptTokens, poolTokens, 'Shorten it, or restart with a larger --kv-cache-memory.')
  }

  /** What waits, and how many of it could run without anything else ending; in constant time. */
  backlog (): Backlog {
    return {
      sequences: this.#waiting.size + this.#forking,
      promptTokens: this.#waiting.prefillTokens,
      freeRows: Math.max(0, this.#maxResidentSeqs - this.#running.size)
    }
  }

  /** A tool runs for a sequence that has ended and left its KV: how long that is expected to take. */
  expectReturn (id: number, expectedWait: ExpectedWait, nowMs: number, tool?: string): boolean {
    return this.#parked.expect(id, expectedWait, this.#look(nowMs), tool)
  }

  /** Nobody will go on with what this sequence left; false when it left nothing. */
  release (id: number): boolean {
    return this.#parked.release(id)
  }

  /**
   * The rows of the next step: running decodes first, then unfinished prompts, then admissions in
   * policy order. Undefined when there is nothing to compute, or when the plans that may be
   * outstanding are.
   */
  plan (nowMs: number): Plan<S> | undefined {
    if (this.#lastPlanId - this.#lastCommittedId >= this.#maxOutstanding) return undefined
    const view = this.#look(nowMs)
    if (this.#mustWaitForDrafts(view)) return undefined
    this.#parked.review(view)
    const id = this.#lastPlanId + 1
    const plan = this.#plans[id % this.#plans.length]!
    plan.start(id)
    this.#preemption.makeRoom(plan.id, view)
    this.#fill(plan, view, false)
    // Each waits for a block that another holds: one of them gives way, progress or not.
    if (plan.numRows === 0 && this.#running.size > 0 && this.#lastCommittedId === this.#lastPlanId) this.#fill(plan, view, true)
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
      if ((plan.outputs[row]! & RowOutput.verify) !== 0 && plan.outcomes[row] === RowOutcome.token) {
        const drafted = plan.queryStarts[row + 1]! - plan.queryStarts[row]! - 1
        this.#speculation!.verified(sequence.lookup!, drafted, result.tokenStarts[row + 1]! - result.tokenStarts[row]! - 1)
      }
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
      forking: this.#forking,
      waitingPromptTokens: this.#waiting.prefillTokens,
      waitingOutputTokens: this.#waiting.outputTokens,
      running: this.#running.size,
      outstanding: this.#lastPlanId - this.#lastCommittedId,
      preemptions: this.#preemption.count,
      swaps: this.#preemption.swaps,
      parked: this.#parked.size,
      parkedKv: this.#parked.stats(),
      speculation: this.#speculation?.stats ?? noSpeculation
    }
  }

  /** Those not ended, in no order. */
  sequences (): Iterable<S> {
    return this.#byId.values()
  }

  #mustWaitForDrafts (view: PolicyView): boolean {
    return this.#speculation !== undefined && this.#lastPlanId > this.#lastCommittedId &&
      this.#speculation.mustWait(this.#lastCommittedId, this.#running.items, view, Math.max(this.#decodes, 1))
  }

  #takeOutstanding (planId: number): Plan<S> {
    if (planId !== this.#lastCommittedId + 1 || planId > this.#lastPlanId) {
      throw new Error(`Plan ${planId} is not the oldest outstanding one (${this.#lastCommittedId + 1} to ${this.#lastPlanId}).`)
    }
    this.#lastCommittedId = planId
    return this.#plans[planId % this.#plans.length]!
  }

  /** @param share of the queue that is before it, 0 to 1 */
  #forecast (promptTokens: number, outputTokens: number, share: number, view: PolicyView): Forecast {
    let runningPromptTokens = 0
    let runningOutputTokens = 0
    for (const running of this.#running.items) {
      if (running.state !== 'running') continue
      if (!running.isDecoding) runningPromptTokens += running.remainingTokens
      runningOutputTokens += running.predictedRest
    }
    return forecast(promptTokens, outputTokens, {
      promptTokens: share * this.#waiting.prefillTokens,
      outputTokens: share * this.#waiting.outputTokens,
      sequences: share * this.#waiting.size,
      runningPromptTokens,
      runningOutputTokens
    }, view, this.#maxResidentSeqs)
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

  #fill (plan: Plan<S>, view: PolicyView, force: boolean): void {
    // Whoever was preempted since may be admitted now: it must not be inside twice.
    this.#running.compact()
    const budget = this.#budget()
    if (this.#pacer !== undefined) {
      this.#fillPaced(plan, budget, view, this.#pacer, force)
      return
    }
    const preemptions = this.#preemption.count
    for (const sequence of this.#running.items) {
      if (plan.numTokens >= budget) break
      // Preempted a moment ago, by a row before its own.
      if (sequence.state === 'running' && sequence.isDecoding && !sequence.isComplete) this.#tryDecode(sequence, plan, view, force)
    }
    this.#planPrompts(plan, budget)
    // What was preempted for want of blocks does not come back in the same breath.
    if (this.#preemption.count === preemptions) this.#admit(plan, budget, view)
  }

  /** First tokens come first: they are a small part of the work. What they leave goes to those who read. */
  #fillPaced (plan: Plan<S>, budget: number, view: PolicyView, pacer: Pacer<S>, force: boolean): void {
    const { maxNumSeqs } = this.#options
    const decodes = pacer.start(this.#running.items, maxNumSeqs, view)
    // One token at least, or rows would leave nothing for prompts.
    const promptTokens = Math.max(1, budget - Math.min(decodes, maxNumSeqs))
    this.#planPrompts(plan, promptTokens)
    this.#admit(plan, promptTokens, view)
    pacer.planned(plan.numTokens)
    pacer.offer(maxNumSeqs - plan.numRows, sequence =>
      sequence.state === 'running' && this.#tryDecode(sequence, plan, view, force))
  }

  #budget (): number {
    let decodes = 0
    let contextTokens = 0
    let tpotSloMs = Infinity
    let promptPosition = 0
    this.#reserveBlocks = 0
    for (const sequence of this.#running.items) {
      if (sequence.state !== 'running') continue
      this.#reserveBlocks += this.#growthOf(sequence)
      // Prompts are computed one after the other: the first that is not done fills most of the step.
      if (!sequence.isDecoding && promptPosition === 0) promptPosition = sequence.planned
      if (!sequence.isDecoding || sequence.isComplete) continue
      decodes++
      contextTokens += sequence.planned
      tpotSloMs = Math.min(tpotSloMs, sequence.slo.tpotMs ?? Infinity)
    }
    const { maxNumSeqs, maxBatchTokens, budget = fullBudget } = this.#options
    const rows = Math.min(decodes, maxNumSeqs)
    // Of those that take turns, a step has its share.
    if (decodes > rows) contextTokens *= rows / decodes
    this.#view.contextTokens = contextTokens
    this.#decodes = rows
    const tokens = budget({ maxBatchTokens, decodes: rows, contextTokens, promptPosition, tpotSloMs, costs: this.#view.costs })
    const result = Math.min(Math.max(1, Math.floor(tokens)), maxBatchTokens)
    // Prompts keep their half.
    this.#draftTokens = Math.max(0, Math.floor((result - rows) / 2))
    return result
  }

  /** Blocks that are kept free for a sequence to grow into. */
  #growthOf (sequence: S): number {
    const { reserveRatio = 0 } = this.#options
    if (reserveRatio === 0) return 1
    const expected = blocksFor(this.#pool, sequence.numTokens + sequence.predictedRest) - sequence.grown / this.#pool.blockTokens
    return Math.max(1, Math.ceil(reserveRatio * expected))
  }

  #tryDecode (sequence: S, plan: Plan<S>, view: PolicyView, force: boolean): boolean {
    if (!this.#preemption.tryGrow(sequence, plan.id, view, force)) return false
    const spareBlocks = this.#running.size === 1 ? 0 : this.#reserveBlocks
    const drafted = this.#speculation?.draft(sequence, view, this.#decodes, this.#draftTokens, spareBlocks, plan.id) ?? 0
    this.#draftTokens -= drafted
    this.#addRow(plan, sequence, 1, drafted)
    return true
  }

  #planPrompts (plan: Plan<S>, budget: number): void {
    for (const sequence of this.#running.items) {
      if (plan.numTokens >= budget || plan.isFull) return
      if (sequence.state !== 'running' || sequence.isDecoding || sequence.isComplete) continue
      this.#addRow(plan, sequence, Math.min(sequence.remainingTokens, budget - plan.numTokens))
    }
  }

  /** Stops at the first that does not fit: a later one that would must not overtake it for ever. */
  #admit (plan: Plan<S>, budget: number, view: PolicyView): void {
    if (plan.numTokens < budget) this.#waiting.refresh(view)
    while (plan.numTokens < budget && !plan.isFull && this.#running.size < this.#maxResidentSeqs) {
      const sequence = this.#waiting.peek(view)
      if (sequence === undefined) return
      if (!this.#tryAdmit(sequence, plan)) return
      this.#waiting.remove(sequence)
      this.#running.insert(sequence)
      this.#reserveBlocks += this.#growthOf(sequence)
      sequence.clock.enter('prefill', view.nowMs)
      this.#addRow(plan, sequence, Math.min(sequence.remainingTokens, budget - plan.numTokens))
    }
  }

  #tryAdmit (sequence: S, plan: Plan<S>): boolean {
    const input: AdmissionInput<S> = {
      pool: this.#pool,
      sequence,
      reserveBlocks: this.#running.size === 0 ? 0 : this.#reserveBlocks,
      parked: this.#parked,
      planId: plan.id,
      extendKeys: this.#options.extendKeys
    }
    if (tryAdmit(input)) return true
    // Nobody else will free a block.
    while (this.#running.size === 0 && sequence.pendingRows === 0 && this.#parked.tryEvict(this.#view)) {
      if (tryAdmit(input)) return true
    }
    return false
  }

  /** `drafted`: tokens of its lookup's draft that it has behind them. */
  #addRow (plan: Plan<S>, sequence: S, count: number, drafted = 0): void {
    const start = sequence.planned
    const toEnd = start + count === sequence.expectedTokens
    const sample = toEnd && sequence.expectedTokens - sequence.promptTokens < sequence.maxTokens
    let outputs = 0
    if (sample) {
      outputs = sequence.logprobs ? RowOutput.sample | RowOutput.logprobs : RowOutput.sample
      if (sequence.isMasked) outputs |= RowOutput.awaitMask
    }
    if (sequence.promptLogprobs && start < sequence.promptTokens && sequence.generatedTokens === 0) {
      outputs |= RowOutput.promptLogprobs
    }
    if (sequence.wantsHidden && toEnd) outputs |= RowOutput.hidden
    if (drafted > 0) outputs |= RowOutput.verify
    plan.addRow(sequence, start, count + drafted, outputs, drafted > 0 ? sequence.lookup!.draft : undefined)
    sequence.planned += count + drafted
    sequence.pendingRows++
    sequence.lastPlanId = plan.id
    if (sample) sequence.pendingSamples += 1 + drafted
    if (sequence.promptPlanId === 0 && sequence.planned >= sequence.promptTokens) sequence.promptPlanId = plan.id
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
    if (sequence.parked !== undefined) this.#parked.release(sequence.parked.id)
    if (sequence.slot !== undefined) this.#leaveSlot(sequence, sequence.slot, reason, nowMs)
    sequence.slot = undefined
    this.#requeueForks(sequence)
  }

  /** Closes it, or leaves it to the turn that comes after a tool call. */
  #leaveSlot (sequence: S, slot: number, reason: FinishReason, nowMs: number): void {
    if (reason !== 'stop' || sequence.parksOnStop === undefined || sequence.isSwapped) {
      this.#pool.close(slot)
      return
    }
    this.#options.extendKeys?.(sequence)
    this.#parked.park(sequence, slot, sequence.parksOnStop, this.#look(nowMs))
  }

  #claimParked (sequence: S): void {
    sequence.parked = this.#parked.claim(sequence)
    const wait = sequence.parked ?? this.#parked.takeMissed(sequence)
    if (wait === undefined) return
    const { id, sinceMs, tool } = wait
    if (tool !== undefined) sequence.isResumed = true
    this.#options.onReturn?.(id, Math.max(0, sequence.arrivalMs - sinceMs), tool)
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
