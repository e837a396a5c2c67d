const defaultSessions = 4096

/** Output tokens of each session's last answer. The sessions that were heard of longest ago are forgotten. */
export class SessionLengths {
  readonly #maxSessions: number
  /** The one heard of longest ago first. */
  readonly #tokens = new Map<string, number>()

  constructor (maxSessions = defaultSessions) {
    this.#maxSessions = maxSessions
  }

  get size (): number {
    return this.#tokens.size
  }

  lastOf (session: string): number | undefined {
    return this.#tokens.get(session)
  }

  answered (session: string, tokens: number): void {
    this.#tokens.delete(session)
    this.#tokens.set(session, tokens)
    if (this.#tokens.size > this.#maxSessions) this.#tokens.delete(this.#tokens.keys().next().value!)
  }
}
