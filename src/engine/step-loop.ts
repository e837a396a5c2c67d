import type { NativeModel, StepOutput } from '../native/binding.js'
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
  /** The plan is committed and `output` can be read, until this returns. */
  onCommit (plan: EnginePlan, output: StepOutput, nowMs: number): void
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
}

/**
 * Keeps two steps queued on the device as long as there is work: while one computes, the next waits
 * behind it, and the results of the one before are evaluated. Idle, it holds no timer.
 */
export class StepLoop {
  readonly counters: StepCounters = { steps: 0, rows: 0, tokens: 0, busyMs: 0, gapMs: 0 }
  readonly #options: StepLoopOptions
  readonly #outputs: readonly StepOutput[]
  #isWoken = false
  #outstanding = 0
  /** Settles when every step so far has been evaluated. */
  #evaluated: Promise<void> = Promise.resolve()

  constructor (options: StepLoopOptions) {
    this.#options = options
    this.#outputs = [makeOutput(options.model), makeOutput(options.model)]
  }

  /** There may be something to plan. Requests that arrive together share a plan. */
  wake (): void {
    if (this.#isWoken) return
    this.#isWoken = true
    queueMicrotask(() => {
      this.#isWoken = false
      this.#guarded(() => { this.#fillQueue() })
    })
  }

  /** When no step is queued any more. */
  async settled (): Promise<void> {
    while (this.#outstanding > 0) await this.#evaluated
  }

  #fillQueue (): void {
    const { scheduler, now } = this.#options
    for (let plan = scheduler.plan(now()); plan !== undefined; plan = scheduler.plan(now())) this.#queue(plan)
  }

  #queue (plan: EnginePlan): void {
    const output = this.#outputs[plan.id % this.#outputs.length]!
    const isBehindAnother = this.#outstanding > 0
    this.#outstanding++
    const step = this.#step(plan, output)
    step.catch(() => {}) // handled below, when the steps before it have been
    this.#evaluated = this.#evaluated.then(async () => {
      await step.then(
        () => { this.#guarded(() => { this.#commit(plan, output, isBehindAnother) }) },
        (error: unknown) => { this.#guarded(() => { this.#fail(plan, error) }) })
    })
  }

  async #step (plan: EnginePlan, output: StepOutput): Promise<void> {
    this.#options.beforeStep(plan)
    await this.#options.model.step(plan, output)
  }

  #commit (plan: EnginePlan, output: StepOutput, isBehindAnother: boolean): void {
    this.#outstanding--
    const nowMs = this.#options.now()
    this.#options.scheduler.commit(plan.id, output, nowMs)
    const { counters } = this
    counters.steps++
    counters.rows += plan.numRows
    counters.tokens += plan.numTokens
    counters.busyMs += output.timing[1]! - output.timing[0]!
    if (isBehindAnother) counters.gapMs += output.timing[2]!
    this.#options.onCommit(plan, output, nowMs)
    this.#fillQueue()
  }

  #fail (plan: EnginePlan, error: unknown): void {
    this.#outstanding--
    this.#options.scheduler.fail(plan.id, this.#options.now())
    this.#options.onFailure(plan, error)
    this.#fillQueue()
  }

  #guarded (work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#options.onBroken(error)
    }
  }
}

function makeOutput ({ maxRows, maxTokens, maxLogprobs }: NativeModel): StepOutput {
  return {
    tokenStarts: new Int32Array(maxRows + 1),
    tokens: new Int32Array(maxRows),
    statuses: new Int32Array(maxRows),
    logprobs: new Float32Array(maxRows),
    topIds: new Int32Array(maxRows * maxLogprobs),
    topLogprobs: new Float32Array(maxRows * maxLogprobs),
    promptLogprobs: new Float32Array(maxTokens),
    promptTopIds: new Int32Array(maxTokens * maxLogprobs),
    promptTopLogprobs: new Float32Array(maxTokens * maxLogprobs),
    timing: new Float64Array(3)
  }
}
