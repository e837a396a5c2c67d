import { RateLimitError } from './errors.js'

/** A minute; undefined = any number. */
export interface RateLimits {
  readonly requests?: number | undefined
  readonly tokens?: number | undefined
}

const minuteMs = 60_000

/** Fills evenly, up to what a minute brings. It may go below zero: what was taken is paid for by waiting. */
export class TokenBucket {
  readonly limit: number
  #level: number
  #atMs: number

  constructor (limit: number, nowMs: number) {
    this.limit = limit
    this.#level = limit
    this.#atMs = nowMs
  }

  level (nowMs: number): number {
    this.#level = Math.min(this.limit, this.#level + (nowMs - this.#atMs) * this.limit / minuteMs)
    this.#atMs = nowMs
    return this.#level
  }

  /** A negative amount is given back. */
  take (amount: number, nowMs: number): void {
    this.#level = Math.min(this.limit, this.level(nowMs) - amount)
  }

  /** Until there is so much; what is more than it can hold is there when it is full. */
  waitMs (amount: number, nowMs: number): number {
    return Math.max(0, Math.min(amount, this.limit) - this.level(nowMs)) * minuteMs / this.limit
  }
}

const now = (): number => performance.now()

/** What one key may ask for in a minute. */
export class RateLimiter {
  readonly #requests: TokenBucket | undefined
  readonly #tokens: TokenBucket | undefined
  readonly #now: () => number

  constructor ({ requests, tokens }: RateLimits, clock = now) {
    this.#now = clock
    this.#requests = requests === undefined ? undefined : new TokenBucket(requests, clock())
    this.#tokens = tokens === undefined ? undefined : new TokenBucket(tokens, clock())
  }

  /**
   * Takes a request, and what its prompt is guessed to have in tokens.
   *
   * @throws RateLimitError, with nothing taken
   */
  admit (promptTokens: number): void {
    const nowMs = this.#now()
    this.#check('requests', this.#requests, 1, nowMs)
    this.#check('tokens', this.#tokens, Math.max(1, promptTokens), nowMs)
    this.#requests?.take(1, nowMs)
    this.#tokens?.take(promptTokens, nowMs)
  }

  /** Tokens that came or went; negative ones are given back. */
  spend (tokens: number): void {
    this.#tokens?.take(tokens, this.#now())
  }

  /** As OpenAI spells them. */
  headers (): Record<string, string> {
    return { ...this.#headersOf('requests', this.#requests), ...this.#headersOf('tokens', this.#tokens) }
  }

  #check (what: 'requests' | 'tokens', bucket: TokenBucket | undefined, amount: number, nowMs: number): void {
    const waitMs = bucket?.waitMs(amount, nowMs) ?? 0
    if (waitMs > 0) throw new RateLimitError(what, bucket!.limit, waitMs)
  }

  #headersOf (what: 'requests' | 'tokens', bucket: TokenBucket | undefined): Record<string, string> {
    if (bucket === undefined) return {}
    const nowMs = this.#now()
    return {
      [`x-ratelimit-limit-${what}`]: String(bucket.limit),
      [`x-ratelimit-remaining-${what}`]: String(Math.max(0, Math.floor(bucket.level(nowMs)))),
      [`x-ratelimit-reset-${what}`]: durationText(bucket.waitMs(bucket.limit, nowMs))
    }
  }
}

/** Such as 350ms, 6.5s or 2m0s. */
export function durationText (ms: number): string {
  if (ms < 1000) return `${Math.ceil(ms)}ms`
  const tenths = Math.ceil(ms / 100)
  return tenths < 600 ? `${tenths / 10}s` : `${Math.floor(tenths / 600)}m${tenths % 600 / 10}s`
}
