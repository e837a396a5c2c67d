import { readingTokensPerSec } from '../scheduler/pacing.js'

/** What a reader expects: the first token after this time, and then to be kept reading. */
const expectedTtftMs = 1000

/**
 * How an answer that comes token by token suits its reader: 1 = he was never kept waiting longer than he
 * expected, 0 = nothing came in the time in which he would have read all of it. Both are areas under the
 * number of tokens that are read, until that time (Andes, Liu et al. 2024, arXiv:2404.16283).
 *
 * A link delays what is expected as much as what comes, and so counts for nothing.
 */
export class Reading {
  readonly #tokenMs: number
  readonly #endMs: number
  readonly #expected: number
  /** When he has read up to here. */
  #readMs = -Infinity
  #area = 0

  /** @param tokens of the whole answer */
  constructor (arrivalMs: number, tokens: number, tokensPerSec = readingTokensPerSec) {
    this.#tokenMs = 1000 / tokensPerSec
    this.#endMs = arrivalMs + expectedTtftMs + tokens * this.#tokenMs
    this.#expected = this.#tokenMs * tokens * (tokens + 1) / 2
  }

  onToken (nowMs: number): void {
    this.#readMs = Math.max(nowMs, this.#readMs + this.#tokenMs)
    this.#area += Math.max(0, this.#endMs - this.#readMs)
  }

  get qoe (): number {
    return Math.min(1, this.#area / this.#expected)
  }
}
