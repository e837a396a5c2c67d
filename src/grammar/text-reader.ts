import { GrammarError } from './errors.js'

/** Reads a text by whole characters. */
export class TextReader {
  readonly #text: string
  readonly #what: string
  #place = 0

  /** `what`: for messages, as 'the regex'. */
  constructor (text: string, what: string) {
    this.#text = text
    this.#what = what
  }

  get place (): number {
    return this.#place
  }

  get isAtEnd (): boolean {
    return this.#place >= this.#text.length
  }

  /** The character that comes `ahead` UTF-16 code units later; undefined past the end. */
  peek (ahead = 0): string | undefined {
    const code = this.#text.codePointAt(this.#place + ahead)
    return code === undefined ? undefined : String.fromCodePoint(code)
  }

  /** At most so many UTF-16 code units of what comes. */
  ahead (length: number): string {
    return this.#text.slice(this.#place, this.#place + length)
  }

  /** @throws GrammarError at the end */
  next (expected: string): string {
    const character = this.peek()
    if (character === undefined) throw this.error(`it ends where ${expected} is expected`)
    this.#place += character.length
    return character
  }

  skip (expected: string): boolean {
    if (!this.#text.startsWith(expected, this.#place)) return false
    this.#place += expected.length
    return true
  }

  expect (expected: string): void {
    if (!this.skip(expected)) throw this.error(`${JSON.stringify(expected)} is expected`)
  }

  /** `pattern` must be sticky. */
  match (pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#place
    const match = pattern.exec(this.#text)
    if (match !== null) this.#place += match[0].length
    return match ?? undefined
  }

  error (message: string): GrammarError {
    const line = this.#text.slice(0, this.#place).split('\n').length
    const where = this.#text.includes('\n') ? `line ${line}` : `character ${this.#place + 1}`
    return new GrammarError(`${this.#what}, ${where}: ${message}.`)
  }
}
