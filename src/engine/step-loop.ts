import { StepOutput, StepTime, type NativeModel } from '../native/binding.js'
import type { Plan } from '../scheduler/plan.js'
import type { Scheduler } from '../scheduler/scheduler.js'
import type { EngineSequence } from './engine-sequence.js'

export type EnginePlan = Plan<EngineSequence>

export interface StepLoopOptions {
  readonly model: NativeModel
  readonly scheduler: Scheduler<EngineSequence>
  readonly now: () => number
  /** Prepares the slots of a plan's rows. */
  beforeStep (plan: EnginePlan): void
  /** The plan is committed; the step behind it is running, and waits for what depends on its tokens. */
  afterCommit (plan: EnginePlan): void
  /** The step is done, and its plan not yet committed: what the model keeps until the next one is done can be read. */
  onDone? (plan: EnginePlan): void
  /**
   * The plan is committed and what can be queued is. True when its tokens will be handed out later: then the
   * plan and `output` stay as they are until `handedOut` is called.
   */
  onCommit (plan: EnginePlan, output: StepOutput, nowMs: number): boolean
  /** The step failed, and the plan's sequences have ended. */
  onFailure (plan: EnginePlan, error: unknown): void
  /** A defect of ours: nothing can be relied on any more. */
  onBroken (error: unknown): void
}

/** Steps, and how the device's time was spent on them. */
export interface StepCounters {
  steps: number
  rows: number
  tokens: number
  busyMs: number
  /** Time between steps while there was work: what the device waited for JavaScript. */
  gapMs: number
  /** The part of `busyMs` in which results were handed out: the step's own thread did not compute then. */
  handOutMs: number
}

/** A plan on its way through the device. */
interface QueuedStep {
  readonly plan: EnginePlan
  readonly isBehindAnother: boolean
  /** The model did not take it: it fails for that reason when those before it are done. */
  readonly refusal: { readonly error: unknown } | undefined
  /** The model is done with it. */
  isDone: boolean
  /** Why the whole of it failed. */
  failure: Error | undefined
}

/**
 * Keeps two steps queued on the device as long as there is work: while one computes, the next waits
 * behind it, and the results of the one before are evaluated. While these are being handed out, no other step is
 * evaluated, and so none is queued: a device that is faster than its tokens can be delivered waits for them. Idle, it
 * holds no timer.
 *
 * From a step's end to the next one in the queue there is no promise and as little else as possible: the
 * weights of each step wash everything that JavaScript uses out of the caches, so that what counts is how
 * much it touches.
 */
export class StepLoop {
  readonly counters: StepCounters = { steps: 0, rows: 0, tokens: 0, busyMs: 0, gapMs: 0, handOutMs: 0 }
  readonly #options: StepLoopOptions
  readonly #outputs: readonly StepOutput[]
  /** Oldest first. */
  readonly #queued: QueuedStep[] = []
  readonly #onDone = (error?: Error): void => { this.#settle(error) }
  #isHandingOut = false
  #isWoken = false
  readonly #onSettled: Array<() => void> = []

  constructor (options: StepLoopOptions) {
    const { maxRows, maxTokens, maxLogprobs } = options.model
    this.#options = options
    // One that is handed out, beside the two that are queued.
    this.#outputs = Array.from({ length: 3 }, () => new StepOutput(maxRows, maxTokens, maxLogprobs))
  }

  /** There may be something to plan. Requests that arrive together share a plan. */
  wake (): void {
    if (this.#isWoken) return
    this.#isWoken = true
    queueMicrotask(() => {
      this.#isWoken = false
      try {
        this.#fillQueue()
      } catch (error) {
        this.#options.onBroken(error)
      }
    })
  }

  /** What `onCommit` put off has been handed out. */
  handedOut (): void {
    this.#isHandingOut = false
    this.#evaluate()
  }

  /** When no step is queued any more, and all is handed out. */
  async settled (): Promise<void> {
    if (this.#isBusy) await new Promise<void>(resolve => { this.#onSettled.push(resolve) })
  }

  get #isBusy (): boolean {
    return this.#queued.length > 0 || this.#isHandingOut
  }

  #fillQueue (): void {
    do {
      while (!this.#isHandingOut && this.#queued[0]?.refusal !== undefined) {
        const { plan, refusal } = this.#queued.shift()!
        this.#fail(plan, refusal!.error)
      }
      while (this.#queueNext(this.#options.now()));
    } while (!this.#isHandingOut && this.#queued[0]?.refusal !== undefined)
  }

  /** False when there is nothing to queue. */
  #queueNext (nowMs: number): boolean {
    const { model, scheduler } = this.#options
    const plan = scheduler.plan(nowMs)
    if (plan === undefined) return false
    const isBehindAnother = this.#queued.length > 0
    let refusal: QueuedStep['refusal']
    try {
      this.#options.beforeStep(plan)
      model.step(plan.numRows, plan.buffer, this.#outputOf(plan).buffer, this.#onDone)
    } catch (error) {
      refusal = { error }
    }
    this.#queued.push({ plan, isBehindAnother, refusal, isDone: false, failure: undefined })
    return true
  }

  /** The oldest step that was not done is. */
  #settle (error: Error | undefined): void {
    const step = this.#queued.find(({ isDone }) => !isDone)!
    step.isDone = true
    step.failure = error
    if (error === undefined) this.#options.onDone?.(step.plan)
    if (!this.#isHandingOut) this.#evaluate()
  }

  /** Takes what is done, oldest first. */
  #evaluate (): void {
    try {
      while (!this.#isHandingOut && this.#queued[0]?.isDone === true) {
        const { plan, isBehindAnother, failure } = this.#queued.shift()!
        if (failure === undefined) this.#commit(plan, isBehindAnother)
        else this.#fail(plan, failure)
      }
      this.#fillQueue()
    } catch (defect) {
      this.#options.onBroken(defect)
    } finally {
      if (!this.#isBusy) for (const resolve of this.#onSettled.splice(0)) resolve()
    }
  }

  /** The next step goes into the queue first: handing out tokens can wait. */
  #commit (plan: EnginePlan, isBehindAnother: boolean): void {
    const { scheduler, now } = this.#options
    const output = this.#outputOf(plan)
    const nowMs = now()
    scheduler.commit(plan.id, output, nowMs)
    this.#options.afterCommit(plan)
    if (this.#queued[0]?.refusal === undefined) this.#queueNext(nowMs)
    this.#count(plan, output.timing, isBehindAnother)
    this.#isHandingOut = this.#options.onCommit(plan, output, nowMs)
  }

  #count (plan: EnginePlan, timing: Float64Array, isBehindAnother: boolean): void {
    const { counters } = this
    counters.steps++
    counters.rows += plan.numRows
    counters.tokens += plan.numTokens
    counters.busyMs += timing[StepTime.end]! - timing[StepTime.start]!
    counters.handOutMs += timing[StepTime.handOut]!
    if (isBehindAnother) counters.gapMs += timing[StepTime.idle]!
  }

  #fail (plan: EnginePlan, error: unknown): void {
    const { scheduler, now } = this.#options
    scheduler.fail(plan.id, now())
    this.#options.onFailure(plan, error)
  }

  #outputOf (plan: EnginePlan): StepOutput {
    return this.#outputs[plan.id % this.#outputs.length]!
  }
}
