/** Work that several wait for. It is given up when all of them have left. */
export class SharedWork<T> {
  readonly #givingUp = new AbortController()
  readonly #result: Promise<T>
  #wanted = 0
  /** Once it is done. */
  value: T | undefined

  constructor (start: (signal: AbortSignal) => Promise<T>) {
    this.#result = start(this.#givingUp.signal).then(value => (this.value = value))
    // Nobody may be left to hear of it.
    this.#result.catch(() => {})
  }

  /** It may go on nevertheless, where it could not be stopped. */
  get isGivenUp (): boolean {
    return this.#givingUp.signal.aborted
  }

  /** @throws the signal's reason, or what the work ends with */
  async wait (signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted()
    this.#wanted++
    if (signal === undefined) return await this.#result
    return await new Promise<T>((resolve, reject) => {
      const leave = (): void => {
        if (--this.#wanted === 0) this.#givingUp.abort(signal.reason)
        reject(signal.reason as Error)
      }
      signal.addEventListener('abort', leave, { once: true })
      this.#result.then(resolve, reject).finally(() => { signal.removeEventListener('abort', leave) })
    })
  }
}
