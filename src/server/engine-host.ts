import type { EngineMetrics } from '../engine/engine-info.js'
import { UnknownModelError } from '../engine/registry.js'
import { drainingError, engineFailedError, InvalidParameterError, loadingError } from './errors.js'
import { HealthCheck, warmUp } from './health-check.js'
import { isLoading, isRegistry, type EngineSource, type ServedEngine, type ServedRegistry } from './served-engine.js'

export type HostState = 'loading' | 'ready' | 'failed' | 'draining'

export interface EngineHostEvents {
  /** A loaded engine gave no token. */
  onFailed? (error: Error): void
}

/**
 * The engines behind the routes, from before they are loaded until the server drains. They count as
 * ready only when each has generated one token.
 */
export class EngineHost {
  readonly #source: EngineSource
  readonly #events: EngineHostEvents
  #engines: readonly ServedEngine[] = []
  #checks: readonly HealthCheck[] = []
  #state: HostState = 'loading'
  #failure: Error | undefined
  /** Settles with loading and warming up, either way; never rejects. */
  readonly settled: Promise<void>

  constructor (source: EngineSource, events: EngineHostEvents = {}) {
    this.#source = source
    this.#events = events
    this.settled = this.#start()
  }

  get state (): HostState {
    return this.#state
  }

  /** Why loading or warming up failed. */
  get failure (): Error | undefined {
    return this.#failure
  }

  get modelNames (): readonly string[] {
    if (isLoading(this.#source) && this.#engines.length === 0) return this.#source.modelNames
    return this.#engines.map(engine => engine.modelName)
  }

  /**
   * For requests that may leave the model out.
   *
   * @throws InvalidParameterError when there are several to choose from
   */
  onlyModel (): string {
    const [name, ...others] = this.modelNames
    if (others.length > 0) throw new InvalidParameterError('model', `model is required: this server has ${this.modelNames.join(', ')}.`)
    return name!
  }

  /** Undefined while loading. */
  maxModelLen (name: string): number | undefined {
    return this.#engines.find(engine => engine.modelName === name)?.info.options.maxModelLen
  }

  /** Those that can be measured, as they are now; none while loading. */
  measuredEngines (): Array<{ modelName: string, metrics: EngineMetrics }> {
    return this.#engines.flatMap(engine => engine.metrics === undefined ? [] : [{ modelName: engine.modelName, metrics: engine.metrics() }])
  }

  /** @throws UnavailableError while loading, when draining, and after a failure */
  checkReady (): void {
    switch (this.#state) {
      case 'ready': return
      case 'loading': throw loadingError(isLoading(this.#source) ? this.#source.progress() : 1)
      case 'failed': throw engineFailedError()
      case 'draining': throw drainingError()
    }
  }

  /**
   * Before the body is read, and with it the model's name: what no engine has room for is refused.
   *
   * @throws UnavailableError, OverloadedError
   */
  checkAdmission (bodyBytes: number): void {
    this.checkReady()
    let refusal: Error | undefined
    for (const engine of this.#engines) {
      try {
        engine.checkQueue?.(bodyBytes)
        return
      } catch (error) {
        refusal = error as Error
      }
    }
    if (refusal !== undefined) throw refusal
  }

  /**
   * The engine for one more request.
   *
   * @throws UnavailableError, UnknownModelError
   */
  engine (model: string): ServedEngine {
    this.checkReady()
    const engine = this.#engines.find(({ modelName }) => modelName === model)
    if (engine === undefined) throw new UnknownModelError(model.slice(0, 200), this.modelNames)
    return engine
  }

  /**
   * Whether a token can be produced now.
   *
   * @throws UnavailableError when not
   */
  async checkHealth (): Promise<void> {
    this.checkReady()
    const alive = await Promise.all(this.#checks.map(async check => await check.isAlive()))
    this.checkReady()
    if (!alive.every(Boolean)) throw engineFailedError()
  }

  /** A request failed by a fault of the engine: the next health check looks for itself. */
  suspect (): void {
    for (const check of this.#checks) check.suspect()
  }

  clearPrefixCaches (): void {
    for (const engine of this.#engines) engine.clearPrefixCache?.()
  }

  /** No new requests from now on. */
  drain (): void {
    this.#state = 'draining'
  }

  async #start (): Promise<void> {
    const engines = await this.#load()
    if (engines === undefined) return
    try {
      for (const engine of engines) await warmUp(engine)
      this.#engines = engines
      this.#checks = engines.map(engine => new HealthCheck(engine))
      if (this.#state === 'loading') this.#state = 'ready'
    } catch (error) {
      this.#events.onFailed?.(this.#fail(error))
    }
  }

  /** Undefined when loading failed, which whoever loads knows already. */
  async #load (): Promise<ServedEngine[] | undefined> {
    try {
      return enginesOf(isLoading(this.#source) ? await this.#source.engine : this.#source)
    } catch (error) {
      this.#fail(error)
      return undefined
    }
  }

  #fail (error: unknown): Error {
    if (this.#state === 'loading') this.#state = 'failed'
    return this.#failure = error instanceof Error ? error : new Error(String(error))
  }
}

function enginesOf (source: ServedEngine | ServedRegistry): ServedEngine[] {
  return isRegistry(source) ? [...source] : [source]
}
