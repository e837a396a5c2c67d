import { RowOutput, RowStatus, type StepTokens } from '../core/step.js'
import { promptContext } from '../profiler/step-costs.js'
import type { Plan } from '../scheduler/plan.js'
import type { SimulatedSequence } from './simulated-sequence.js'
import type { StepTimes } from './step-times.js'

/** Runs plans one after the other, in the order they were queued, in the time that the model of costs says. */
export class SimulatedDevice {
  readonly #times: StepTimes
  readonly #delayMs: () => number
  /** Of one step, written anew for each. */
  readonly #work = { prefillTokens: 0, decodes: 0, contextTokens: 0, prefillContextTokens: 0 }
  readonly #queue: Array<Plan<SimulatedSequence>> = []
  readonly #result: { tokenStarts: Int32Array, tokens: Int32Array, statuses: Int32Array }
  #busyMs = 0
  #steps = 0
  /** When the first of the queue is done; Infinity = none. */
  endMs = Infinity

  /** @param delayMs asked at the beginning of each step: what it waits for */
  constructor (times: StepTimes, maxRows: number, delayMs: () => number) {
    this.#times = times
    this.#delayMs = delayMs
    this.#result = {
      tokenStarts: new Int32Array(maxRows + 1), tokens: new Int32Array(maxRows), statuses: new Int32Array(maxRows)
    }
  }

  get busyMs (): number {
    return this.#busyMs
  }

  get steps (): number {
    return this.#steps
  }

  queue (plan: Plan<SimulatedSequence>, nowMs: number): void {
    this.#queue.push(plan)
    if (this.#queue.length === 1) this.#start(nowMs)
  }

  /** The result of the plan that is done; its content is valid until the next call. */
  take (): { readonly planId: number, readonly result: StepTokens } {
    const plan = this.#queue.shift()!
    this.endMs = Infinity
    this.#compute(plan)
    return { planId: plan.id, result: this.#result }
  }

  /** To be called once the result that was taken has been committed: the next plan begins. */
  next (nowMs: number): void {
    if (this.#queue.length > 0) this.#start(nowMs)
  }

  /** Rows of sequences that ended meanwhile cost nothing. */
  #start (nowMs: number): void {
    const plan = this.#queue[0]!
    const work = this.#work
    work.prefillTokens = work.decodes = work.contextTokens = work.prefillContextTokens = 0
    for (let row = 0; row < plan.numRows; row++) {
      const sequence = plan.sequences[row]!
      if (sequence.state === 'ended') continue
      const start = plan.positions[row]!
      const count = plan.queryStarts[row + 1]! - plan.queryStarts[row]!
      if (start >= sequence.promptTokens && count === 1) {
        work.decodes++
        work.contextTokens += start + 1
      } else {
        work.prefillTokens += count
        work.prefillContextTokens += promptContext(start, count)
      }
    }
    const computeMs = work.decodes + work.prefillTokens === 0 ? 0 : this.#times.ms(work)
    const ms = this.#delayMs() + computeMs
    this.endMs = nowMs + ms
    this.#busyMs += ms
    this.#steps++
  }

  #compute (plan: Plan<SimulatedSequence>): void {
    const { tokenStarts, tokens, statuses } = this.#result
    let count = 0
    for (let row = 0; row < plan.numRows; row++) {
      const sequence = plan.sequences[row]!
      statuses[row] = RowStatus.running
      if (sequence.state === 'ended') statuses[row] = RowStatus.skipped
      else if ((plan.outputs[row]! & RowOutput.sample) !== 0) {
        tokens[count++] = sequence.textAt(sequence.numTokens)
        if (sequence.generatedTokens + 1 >= sequence.outputTokens) statuses[row] = RowStatus.stop
      }
      tokenStarts[row + 1] = count
    }
  }
}
