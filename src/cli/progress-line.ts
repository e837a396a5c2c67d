import type { Io } from './io.js'

/** Nothing is shown for what takes less than this. */
const silentMs = 1000
const everyMs = { terminal: 100, file: 5000 }

/**
 * Shows how far something is, once it has taken a second: one line that is rewritten on a terminal,
 * a new line every few seconds elsewhere.
 */
export class ProgressLine {
  readonly #stream: Io['stderr']
  readonly #now: () => number
  readonly #startMs: number
  #shownMs = -Infinity
  #isOpen = false

  constructor (stream: Io['stderr'], now: () => number = () => performance.now()) {
    this.#stream = stream
    this.#now = now
    this.#startMs = now()
  }

  show (text: string): void {
    const nowMs = this.#now()
    const isTerminal = this.#stream.isTTY === true
    if (nowMs - this.#startMs < silentMs) return
    if (nowMs - this.#shownMs < (isTerminal ? everyMs.terminal : everyMs.file)) return
    this.#shownMs = nowMs
    this.#isOpen = true
    this.#stream.write(isTerminal ? `\r\x1b[K${text}` : `${text}\n`)
  }

  /** Leaves the terminal's line empty. */
  end (): void {
    if (this.#isOpen && this.#stream.isTTY === true) this.#stream.write('\r\x1b[K')
    this.#isOpen = false
  }
}
