import { dot, readClass, readEscape, readQuantifier } from './character-classes.js'
import { call, characters, either, openRule, repeat, sequence, text, type Expression, type Rule } from './expression.js'
import { GrammarError } from './errors.js'
import { TextReader } from './text-reader.js'

const maxDepth = 100
const ruleName = /[A-Za-z_][\w.-]*/y

/** Reads a grammar in the form of llama.cpp's GBNF, which XGrammar reads too; the text is what `root` is. */
export function readEbnf (source: string): Rule {
  return new EbnfReader(source).read()
}

class EbnfReader {
  readonly #reader: TextReader
  readonly #rules = new Map<string, Rule>()
  readonly #defined = new Set<string>()
  #depth = 0

  constructor (source: string) {
    this.#reader = new TextReader(source, 'the grammar')
  }

  read (): Rule {
    this.#skipBlanks(true)
    while (!this.#reader.isAtEnd) this.#readRule()
    for (const name of this.#rules.keys()) {
      if (!this.#defined.has(name)) throw new GrammarError(`The grammar has no rule ${name}.`)
    }
    const root = this.#rules.get('root')
    if (root === undefined) throw new GrammarError('The grammar has no rule root, with which it would begin.')
    return root
  }

  #readRule (): void {
    const name = this.#readName()
    this.#skipBlanks(true)
    this.#reader.expect('::=')
    this.#skipBlanks(true)
    if (this.#defined.has(name)) throw this.#reader.error(`there are two rules ${name}`)
    this.#defined.add(name)
    this.#rule(name).body = this.#readEither()
    if (!this.#reader.isAtEnd && this.#reader.peek() === ')') throw this.#reader.error('")" has no "(" before it')
    this.#skipBlanks(true)
  }

  #readName (): string {
    const name = this.#reader.match(ruleName)?.[0]
    if (name === undefined) throw this.#reader.error('the name of a rule is expected')
    return name
  }

  #rule (name: string): Rule {
    let rule = this.#rules.get(name)
    if (rule === undefined) this.#rules.set(name, rule = openRule(name))
    return rule
  }

  #readEither (): Expression {
    const parts = [this.#readSequence()]
    while (this.#skipTo('|')) {
      this.#skipBlanks(true)
      parts.push(this.#readSequence())
    }
    return either(...parts)
  }

  #readSequence (): Expression {
    const parts: Expression[] = []
    for (let part = this.#tryPart(); part !== undefined; part = this.#tryPart()) {
      let repeated = part
      for (let counts = this.#readCounts(); counts !== undefined; counts = this.#readCounts()) repeated = repeat(repeated, ...counts)
      parts.push(repeated)
      this.#skipBlanks(this.#depth > 0)
    }
    return sequence(...parts)
  }

  #readCounts (): readonly [number, number] | undefined {
    this.#skipBlanks(false)
    return readQuantifier(this.#reader)
  }

  #tryPart (): Expression | undefined {
    const reader = this.#reader
    if (reader.skip('"')) return this.#readText()
    if (reader.skip('[')) return characters(readClass(reader))
    if (reader.skip('.')) return characters(dot)
    if (reader.skip('(')) return this.#readGroup()
    if (!this.#isNextRule()) {
      const name = reader.match(ruleName)?.[0]
      if (name !== undefined) return call(this.#rule(name))
    }
    return undefined
  }

  /** A name that begins the next rule, and is no part of this one. */
  #isNextRule (): boolean {
    return /^[A-Za-z_][\w.-]*\s*::=/.test(this.#reader.ahead(256))
  }

  #readText (): Expression {
    let value = ''
    for (let next = this.#reader.next('a quote'); next !== '"'; next = this.#reader.next('a quote')) {
      if (next === '\n') throw this.#reader.error('a text ends within its line')
      if (next !== '\\') {
        value += next
        continue
      }
      const [low, high] = readEscape(this.#reader)
      if (low !== high) throw this.#reader.error('a class of characters cannot stand within quotes')
      value += String.fromCodePoint(low!)
    }
    return text(value)
  }

  #readGroup (): Expression {
    if (++this.#depth > maxDepth) throw new GrammarError(`The grammar has groups within groups deeper than ${maxDepth}.`)
    this.#skipBlanks(true)
    const inner = this.#readEither()
    this.#skipBlanks(true)
    this.#reader.expect(')')
    this.#depth--
    return inner
  }

  /** A bar may stand in the next line. */
  #skipTo (expected: string): boolean {
    if (/^(?:[ \t\r\n]|#[^\n]*)*\|/.test(this.#reader.ahead(4096))) this.#skipBlanks(true)
    return this.#reader.skip(expected)
  }

  #skipBlanks (withLines: boolean): void {
    while (this.#reader.match(withLines ? /[ \t\r\n]+|#[^\n]*/y : /[ \t\r]+|#[^\n]*/y) !== undefined);
  }
}
