import { dot, readClass, readEscape, readQuantifier } from './character-classes.js'
import { characters, either, lastCodePoint, repeat, sequence, type CodePointRanges, type Expression } from './expression.js'
import { GrammarError } from './errors.js'
import { TextReader } from './text-reader.js'

export interface RegexOptions {
  /** The text may have more before and after, where the regex does not say ^ and $; else it is all of the text. */
  readonly isSearch?: boolean
  /** How a character of the regex is written. */
  readonly write?: (ranges: CodePointRanges) => Expression
}

const maxDepth = 100

/**
 * Reads a regular expression in ECMAScript's syntax. What no automaton can do is refused: references back, and looking
 * ahead or behind.
 */
export function readRegex (pattern: string, options: RegexOptions = {}): Expression {
  return new RegexReader(pattern, options).read()
}

class RegexReader {
  readonly #reader: TextReader
  readonly #write: (ranges: CodePointRanges) => Expression
  readonly #isSearch: boolean
  #depth = 0

  constructor (pattern: string, { isSearch = false, write = characters }: RegexOptions) {
    this.#reader = new TextReader(pattern, 'the regex')
    this.#write = write
    this.#isSearch = isSearch
  }

  read (): Expression {
    const parts: Expression[] = []
    do parts.push(this.#readOuter())
    while (this.#reader.skip('|'))
    if (!this.#reader.isAtEnd) throw this.#reader.error('")" has no "(" before it')
    return either(...parts)
  }

  /** An alternative of the whole regex: what may stand around it depends on its anchors. */
  #readOuter (): Expression {
    const anything = repeat(this.#write([0, lastCodePoint]), 0, Infinity)
    const isAnchoredFirst = this.#reader.skip('^')
    const body = this.#readAlternative()
    const isAnchoredLast = this.#reader.skip('$')
    if (!this.#isSearch) return body
    return sequence(...isAnchoredFirst ? [] : [anything], body, ...isAnchoredLast ? [] : [anything])
  }

  #readInner (): Expression {
    const parts: Expression[] = []
    do parts.push(this.#readAlternative())
    while (this.#reader.skip('|'))
    return either(...parts)
  }

  #readAlternative (): Expression {
    const parts: Expression[] = []
    for (let next = this.#reader.peek(); next !== undefined && next !== '|' && next !== ')'; next = this.#reader.peek()) {
      if (next === '$' && this.#depth === 0 && ['|', undefined].includes(this.#reader.peek(1))) break
      const part = this.#readPart()
      const counts = readQuantifier(this.#reader)
      if (counts === undefined) {
        parts.push(part)
        continue
      }
      // A lazy one matches the same texts.
      this.#reader.skip('?')
      if (['*', '+', '?'].includes(this.#reader.peek() ?? '')) throw this.#reader.error('there is nothing to repeat')
      parts.push(repeat(part, ...counts))
    }
    return sequence(...parts)
  }

  #readPart (): Expression {
    const reader = this.#reader
    const next = reader.next('a character')
    switch (next) {
      case '.': return this.#write(dot)
      case '[': return this.#write(readClass(reader))
      case '(': return this.#readGroup()
      case '\\': return this.#readEscape()
      case '^': case '$': throw reader.error(`${next} is supported only at the ends of the regex or of one of its alternatives`)
      case '*': case '+': case '?': throw reader.error('there is nothing to repeat')
      default: {
        const code = next.codePointAt(0)!
        return this.#write([code, code])
      }
    }
  }

  #readGroup (): Expression {
    const reader = this.#reader
    if (++this.#depth > maxDepth) throw new GrammarError(`The regex has groups within groups deeper than ${maxDepth}.`)
    if (reader.match(/\?<?[=!]/y) !== undefined) throw reader.error('looking ahead or behind is not supported')
    if (reader.peek() === '?' && reader.match(/\?(:|<[A-Za-z_$][\w$]*>)/y) === undefined) throw reader.error('this kind of group is not supported')
    const inner = this.#readInner()
    reader.expect(')')
    this.#depth--
    return inner
  }

  #readEscape (): Expression {
    const next = this.#reader.peek() ?? ''
    if (/[1-9k]/.test(next)) throw this.#reader.error('references to groups are not supported')
    if (/[bB]/.test(next)) throw this.#reader.error('word boundaries are not supported')
    return this.#write(readEscape(this.#reader))
  }
}
