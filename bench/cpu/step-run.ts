// What lies between two steps, step by step, measured in this process.
import { readFileSync } from 'node:fs'
import type { Engine } from '../../src/engine/engine.js'
import { StepOutput, StepTime, type NativeModel } from '../../src/native/binding.js'
import { measureDecode } from '../lib/engine-runs.js'
import { percentile } from '../lib/statistics.js'

export interface StepRun {
  readonly stepMs: number
  /** Device idle between two steps that were both queued. */
  readonly idleP50Us: number
  readonly idleP95Us: number
  /** At a step's beginning, its thread hands out the results of the one before: other compute threads wait for it. */
  readonly handOutP50Us: number
  readonly handOutP95Us: number
  /** From a step's result until the engine has taken it in and queued the next step. */
  readonly engineP50Us: number
  readonly engineP95Us: number
  /** From a step's result to the end of all that JavaScript does about it: that, and what consumers do with the tokens. */
  readonly jsP50Us: number
  readonly jsP95Us: number
  /** Processor time of JavaScript's thread per step, all that it does; NaN where the system does not tell. */
  readonly jsCpuUs: number
}

/** @param recorder of the engine's model */
export async function measureSteps (
  engine: Engine, recorder: StepRecorder, batch: number, promptTokens: number, outputTokens: number
): Promise<StepRun> {
  let cpuUs = 0
  const run = await measureDecode(engine, batch, promptTokens, outputTokens, {
    isUndisturbed: true,
    onStart () {
      recorder.start()
      cpuUs = threadCpuUs()
    },
    onStop () {
      cpuUs = threadCpuUs() - cpuUs
      recorder.stop()
    }
  })
  const { idleUs, handOutUs, engineUs, jsUs } = recorder
  return {
    stepMs: run.stepMs,
    idleP50Us: percentile(idleUs, 50),
    idleP95Us: percentile(idleUs, 95),
    handOutP50Us: percentile(handOutUs, 50),
    handOutP95Us: percentile(handOutUs, 95),
    engineP50Us: percentile(engineUs, 50),
    engineP95Us: percentile(engineUs, 95),
    jsP50Us: percentile(jsUs, 50),
    jsP95Us: percentile(jsUs, 95),
    jsCpuUs: cpuUs / jsUs.length
  }
}

/** Of the process's first thread, on Linux; exact since it last slept. */
function threadCpuUs (): number {
  try {
    return Number(readFileSync('/proc/self/schedstat', 'utf8').split(' ', 1)[0]) / 1000
  } catch {
    return NaN
  }
}

/** Writes down what a model's steps take. */
export class StepRecorder {
  /** The same model, for an engine. */
  readonly model: NativeModel
  readonly idleUs: number[] = []
  readonly handOutUs: number[] = []
  readonly engineUs: number[] = []
  readonly jsUs: number[] = []
  /** Of the engine's outputs, which are few and used again. */
  readonly #timings = new Map<ArrayBuffer, Float64Array>()
  /** When the result came that is being taken in. */
  #resultMs: number | undefined
  #outstanding = 0
  #isOn = false

  constructor (model: NativeModel) {
    const step: NativeModel['step'] = (numRows, input, output, done) => {
      const isBehindAnother = this.#outstanding++ > 0
      model.step(numRows, input, output, error => {
        this.#onDone(this.#timingOf(model, output), isBehindAnother)
        done(error)
      })
      if (this.#resultMs !== undefined) this.engineUs.push((performance.now() - this.#resultMs) * 1000)
      this.#resultMs = undefined
    }
    this.model = new Proxy(model, {
      get (_, key) {
        const value: unknown = Reflect.get(model, key, model)
        if (typeof value !== 'function') return value
        return key === 'step' ? step : value.bind(model) as unknown
      }
    })
  }

  /** Forgets what was. */
  start (): void {
    this.#isOn = true
    this.idleUs.length = 0
    this.handOutUs.length = 0
    this.engineUs.length = 0
    this.jsUs.length = 0
  }

  stop (): void {
    this.#isOn = false
  }

  #timingOf ({ maxRows, maxTokens, maxLogprobs }: NativeModel, buffer: ArrayBuffer): Float64Array {
    let timing = this.#timings.get(buffer)
    if (timing === undefined) {
      timing = new StepOutput(maxRows, maxTokens, maxLogprobs, buffer).timing
      this.#timings.set(buffer, timing)
    }
    return timing
  }

  #onDone (timing: Float64Array, isBehindAnother: boolean): void {
    this.#outstanding--
    if (!this.#isOn) return
    this.handOutUs.push(timing[StepTime.handOut]! * 1000)
    if (isBehindAnother) this.idleUs.push(timing[StepTime.idle]! * 1000)
    const startMs = performance.now()
    this.#resultMs = startMs
    // Runs when nothing that follows from the result is left to do.
    setImmediate(() => { this.jsUs.push((performance.now() - startMs) * 1000) })
  }
}
