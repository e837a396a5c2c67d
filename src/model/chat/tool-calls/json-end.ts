/**
 * Finds where a JSON object or array ends, in a text that comes one character at a time. It does not
 * check the value: `JSON.parse` does, once, when all of it is there.
 */
export class JsonEnd {
  #depth = 0
  #isInString = false
  #isEscaped = false
  isDone = false
  /** It can be no JSON any more, and has no end. */
  isBroken = false

  /** Objects and arrays that are open. */
  get depth (): number {
    return this.#depth
  }

  /** What looks like markup there is a part of the string. */
  get isInString (): boolean {
    return this.#isInString
  }

  next (code: number): void {
    if (this.isDone || this.isBroken) return
    if (this.#isInString) this.#nextInString(code)
    else if (code === quote && this.#depth > 0) this.#isInString = true
    else if (code === openBrace || code === openBracket) this.#depth++
    else if (code === closeBrace || code === closeBracket) this.#close()
    else this.isBroken = !isSpace(code) && (this.#depth === 0 || !isPlain(code))
  }

  #nextInString (code: number): void {
    if (this.#isEscaped) this.#isEscaped = false
    else if (code === backslash) this.#isEscaped = true
    else if (code === quote) this.#isInString = false
    // Control characters are escaped in a string: this one was never closed.
    else if (code < space) this.#break()
  }

  #close (): void {
    this.#depth--
    this.isDone = this.#depth === 0
    if (this.#depth < 0) this.#break()
  }

  #break (): void {
    this.isBroken = true
    this.#isInString = false
  }
}

export function isSpace (code: number): boolean {
  return code === space || (code >= 0x09 && code <= 0x0d)
}

/** Letters, digits and signs of numbers, `true`, `null`, and what stands between values. */
function isPlain (code: number): boolean {
  return (code >= 0x30 && code <= 0x3a) || (code >= 0x61 && code <= 0x7a) || code === 0x45 || (code >= 0x2b && code <= 0x2e)
}

const space = 0x20
const quote = 0x22
const backslash = 0x5c
const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d
