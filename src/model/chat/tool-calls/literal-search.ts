/** Looks for a word in a text that comes one character at a time. */
export class LiteralSearch {
  readonly word: string
  /** Characters of the word that the text ends with. */
  matched = 0

  /** The word's first character occurs in it once: after a mismatch, a match can only begin there. */
  constructor (word: string) {
    if (word === '' || word.lastIndexOf(word[0]!) > 0) throw new Error(`${JSON.stringify(word)} repeats its first character`)
    this.word = word
  }

  /** True with the word's last character. */
  next (code: number): boolean {
    if (this.matched === this.word.length) this.matched = 0
    if (code === this.word.charCodeAt(this.matched)) this.matched++
    else this.matched = code === this.word.charCodeAt(0) ? 1 : 0
    return this.matched === this.word.length
  }
}
