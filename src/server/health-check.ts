import { setTimeout as delay } from 'node:timers/promises'
import { OverloadedError } from '../core/errors.js'
import type { ServedEngine } from './served-engine.js'

/** A step or a token this recent is evidence enough. */
const freshMs = 30_000
/** An engine that takes longer for one token while it makes no other steps is not usable. */
const patienceMs = 10_000
const pollMs = 20

/**
 * Tells whether an engine can still produce tokens: by the steps that it makes for others, and when
 * there were none lately by asking it for one token.
 */
export class HealthCheck {
  readonly #engine: ServedEngine
  #lastSteps = -1
  #aliveAtMs = -Infinity
  #probe: Promise<boolean> | undefined

  constructor (engine: ServedEngine) {
    this.#engine = engine
  }

  /** Earlier evidence does not count any more. */
  suspect (): void {
    this.#aliveAtMs = -Infinity
    this.#lastSteps = this.#engine.stats().steps.steps
  }

  async isAlive (): Promise<boolean> {
    const { steps } = this.#engine.stats().steps
    if (steps !== this.#lastSteps) {
      this.#lastSteps = steps
      this.#aliveAtMs = performance.now()
    }
    if (performance.now() - this.#aliveAtMs < freshMs) return true
    this.#probe ??= this.#ask().finally(() => { this.#probe = undefined })
    return await this.#probe
  }

  async #ask (): Promise<boolean> {
    try {
      await warmUp(this.#engine, AbortSignal.timeout(patienceMs))
      this.#aliveAtMs = performance.now()
      return true
    } catch (error) {
      return error instanceof OverloadedError && await this.#goesOn()
    }
  }

  /** There is no room for a question: the steps that it makes for the others tell. */
  async #goesOn (): Promise<boolean> {
    const { steps } = this.#engine.stats().steps
    for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += pollMs) {
      await delay(pollMs)
      if (this.#engine.stats().steps.steps !== steps) return true
    }
    return false
  }
}

/**
 * One token through the whole path.
 *
 * @throws what the engine fails with, and an error when it gives no token
 */
export async function warmUp (engine: ServedEngine, signal?: AbortSignal): Promise<void> {
  const { usage } = await engine.complete({ prompt: 'Hello', maxTokens: 1, temperature: 0, ignoreEos: true, isProbe: true, signal }).result()
  if (usage.completionTokens !== 1) {
    throw new Error(`One token was asked of ${engine.modelName}, and ${usage.completionTokens} came.`)
  }
}
