export interface RowTurnsOptions {
  readonly now: () => number
  /** All rows have been handed out, later than `start` returned, and their consumers have run. */
  onDone (): void
  /** A row could not be handed out later, which is a defect: what is left of them is dropped. */
  onBroken (error: unknown): void
}

/** After so many rows their consumers run: what they do is a part of the turn. */
const rowsAtOnce = 16
/** After so long in a turn of the event loop no more begin: with those that have begun, a turn stays below 4 ms. */
const turnMs = 3

/**
 * Hands out a step's rows without holding up the event loop: what consumers do with a token, such as writing it to
 * a socket, takes longer than handing it out, so both together are measured and go on in the next turn when they
 * have taken too long in this one.
 */
export class RowTurns {
  readonly #options: RowTurnsOptions
  #deliver: (row: number) => void = nobody
  #row = 0
  #numRows = 0
  #turnEndMs = 0
  #isLater = false
  /** Another step's rows, when they begin now, have what is left of the turn. */
  #isWithinTurn = false

  constructor (options: RowTurnsOptions) {
    this.#options = options
  }

  /** Rows wait for their turn, or consumers have not yet run: `onDone` will be called. */
  get isBusy (): boolean {
    return this.#isLater
  }

  /**
   * Hands out rows [0, numRows): at once when they are few. Not to be called while it is busy. `turnStartMs`: since
   * when this turn of the event loop is at work for them.
   */
  start (numRows: number, turnStartMs: number, deliver: (row: number) => void): void {
    this.#deliver = deliver
    this.#row = 0
    this.#numRows = numRows
    if (!this.#isWithinTurn) this.#turnEndMs = turnStartMs + turnMs
    this.#handOut(rowsAtOnce)
    if (this.#row < this.#numRows) this.#goOnLater()
  }

  /** Hands out what is left at once, also from within a row. */
  flush (): void {
    this.#handOutLate(this.#numRows)
  }

  #handOut (count: number): void {
    const end = Math.min(this.#numRows, this.#row + count)
    while (this.#row < end) this.#deliver(this.#row++)
  }

  /** Behind the microtasks of those that have got something. */
  #goOnLater (): void {
    this.#isLater = true
    queueMicrotask(this.#onMicrotask)
  }

  readonly #onMicrotask = (): void => {
    if (this.#options.now() < this.#turnEndMs) this.#goOn()
    else setImmediate(this.#onTurn)
  }

  readonly #onTurn = (): void => {
    this.#turnEndMs = this.#options.now() + turnMs
    this.#goOn()
  }

  #goOn (): void {
    if (this.#row < this.#numRows) {
      this.#handOutLate(rowsAtOnce)
      this.#goOnLater()
      return
    }
    this.#isLater = false
    this.#deliver = nobody
    this.#isWithinTurn = true
    this.#options.onDone()
    this.#isWithinTurn = false
  }

  #handOutLate (count: number): void {
    try {
      this.#handOut(count)
    } catch (error) {
      this.#row = this.#numRows
      this.#options.onBroken(error)
    }
  }
}

function nobody (): void {}
