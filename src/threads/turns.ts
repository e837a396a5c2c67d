/** Lets one at a time go ahead, in the order in which they came; whoever leaves before that is forgotten. */
export class Turns {
  readonly #waiting = new Set<() => void>()
  #isTaken = false

  get waiting (): number {
    return this.#waiting.size
  }

  /** @throws the signal's reason */
  async take (signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    if (!this.#isTaken) {
      this.#isTaken = true
      return
    }
    await new Promise<void>((resolve, reject) => {
      const start = (): void => {
        signal?.removeEventListener('abort', leave)
        resolve()
      }
      const leave = (): void => {
        this.#waiting.delete(start)
        reject(signal!.reason as Error)
      }
      this.#waiting.add(start)
      signal?.addEventListener('abort', leave, { once: true })
    })
  }

  /** Whoever had the turn is done with it. */
  pass (): void {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#isTaken = false
      return
    }
    this.#waiting.delete(next)
    next()
  }
}
