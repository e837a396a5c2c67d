import { setMaxListeners } from 'node:events'

/** Why the server ended a request before its generation was done. */
export type AbortReason = 'clientLeft' | 'clientGaveUp' | 'draining'

/** One request that uses the engine, from its handler's start to its end. */
export interface ActiveRequest {
  readonly signal: AbortSignal
  /** When its client gives up, in ms from the start; undefined = it does not say. */
  readonly giveUpMs: number | undefined
  /** Undefined while nobody has aborted it. */
  readonly abortReason: AbortReason | undefined
  abort (reason: AbortReason): void
  /** Tokens that count against its caller's rate. */
  spend (tokens: number): void
  /** Ends its entry; idempotent. */
  finish (): void
}

/** The requests that use the engine now: what a shutdown waits for, and then aborts. */
export class ActiveRequests {
  readonly #requests = new Set<ActiveRequest>()
  #waiting: Array<() => void> = []

  get count (): number {
    return this.#requests.size
  }

  start (giveUpMs?: number, spend: (tokens: number) => void = () => {}): ActiveRequest {
    const controller = new AbortController()
    // One for each of the request's prompts: many are no leak.
    setMaxListeners(0, controller.signal)
    const request: ActiveRequest = {
      signal: controller.signal,
      giveUpMs,
      spend,
      get abortReason () {
        return controller.signal.aborted ? controller.signal.reason as AbortReason : undefined
      },
      abort: reason => { controller.abort(reason) },
      finish: () => { this.#finish(request) }
    }
    this.#requests.add(request)
    return request
  }

  abortAll (reason: AbortReason): void {
    for (const request of this.#requests) request.abort(reason)
  }

  /** Resolves with whether all were done within `timeoutMs`. */
  async whenIdle (timeoutMs: number): Promise<boolean> {
    if (this.count === 0) return true
    return await new Promise(resolve => {
      const timer = setTimeout(() => { resolve(false) }, timeoutMs)
      this.#waiting.push(() => {
        clearTimeout(timer)
        resolve(true)
      })
    })
  }

  #finish (request: ActiveRequest): void {
    this.#requests.delete(request)
    if (this.count > 0) return
    for (const wake of this.#waiting) wake()
    this.#waiting = []
  }
}
