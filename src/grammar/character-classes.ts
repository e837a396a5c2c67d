import { invertRanges, lastCodePoint, type CodePointRanges } from './expression.js'
import { GrammarError } from './errors.js'
import type { TextReader } from './text-reader.js'

/** Of escapes such as `\d`, as ECMAScript has them. */
const namedClasses: Readonly<Record<string, CodePointRanges>> = {
  d: [0x30, 0x39],
  w: [0x30, 0x39, 0x41, 0x5A, 0x5F, 0x5F, 0x61, 0x7A],
  s: [0x09, 0x0D, 0x20, 0x20, 0xA0, 0xA0, 0x1680, 0x1680, 0x2000, 0x200A, 0x2028, 0x2029, 0x202F, 0x202F, 0x205F, 0x205F, 0x3000, 0x3000, 0xFEFF, 0xFEFF]
}
const controls: Readonly<Record<string, number>> = { t: 0x09, n: 0x0A, v: 0x0B, f: 0x0C, r: 0x0D, 0: 0x00 }

/** Every character but the ends of lines. */
export const dot: CodePointRanges = invertRanges([0x0A, 0x0A, 0x0D, 0x0D, 0x2028, 0x2029])

/** What follows a backslash, in a regex or a class: one character, or a class of them. */
export function readEscape (reader: TextReader): CodePointRanges {
  const letter = reader.next('an escape')
  const named = namedClasses[letter] ?? (namedClasses[letter.toLowerCase()] === undefined ? undefined : invertRanges(namedClasses[letter.toLowerCase()]!))
  if (named !== undefined) return named
  const control = controls[letter]
  if (control !== undefined) {
    if (letter === '0' && /\d/.test(reader.peek() ?? '')) throw reader.error('\\0 with more digits is not supported')
    return [control, control]
  }
  const lengths: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 }
  if (Object.hasOwn(lengths, letter)) {
    const code = readCode(reader, lengths[letter]!)
    return [code, code]
  }
  if (/[A-Za-z0-9]/.test(letter)) throw reader.error(`\\${letter} is not supported`)
  const code = letter.codePointAt(0)!
  return [code, code]
}

function readCode (reader: TextReader, length: number): number {
  const isBraced = reader.skip('{')
  let digits = ''
  while (isBraced ? reader.peek() !== '}' : digits.length < length) {
    digits += reader.next('a code')
    if (digits.length > 8) break
  }
  if (isBraced) reader.expect('}')
  const code = /^[0-9A-Fa-f]+$/.test(digits) ? Number.parseInt(digits, 16) : NaN
  if (!(code <= lastCodePoint)) throw reader.error(`${JSON.stringify(digits)} is no character's code`)
  return code
}

/** After an opening bracket, to the closing one. */
export function readClass (reader: TextReader): CodePointRanges {
  const isInverted = reader.skip('^')
  const ranges: number[] = []
  while (!reader.skip(']')) {
    const low = readMember(reader)
    if (reader.peek() !== '-' || reader.peek(1) === ']' || reader.peek(1) === undefined) {
      ranges.push(...low)
      continue
    }
    reader.skip('-')
    const high = readMember(reader)
    if (low.length !== 2 || high.length !== 2 || low[0] !== low[1] || high[0] !== high[1]) throw reader.error('a range must be between two characters')
    if (low[0]! > high[0]!) throw reader.error('a range is out of order')
    ranges.push(low[0]!, high[0]!)
  }
  return isInverted ? invertRanges(ranges) : ranges
}

function readMember (reader: TextReader): CodePointRanges {
  const letter = reader.next('"]"')
  if (letter !== '\\') return [letter.codePointAt(0)!, letter.codePointAt(0)!]
  if (reader.skip('b')) return [0x08, 0x08]
  return readEscape(reader)
}

/** Copies that `{...}` may ask for at most; states bound what they are of. */
const maxCopies = 100_000

/** `*`, `+`, `?` or `{m,n}` at the reader's place; undefined when there is none. */
export function readQuantifier (reader: TextReader): readonly [number, number] | undefined {
  if (reader.skip('*')) return [0, Infinity]
  if (reader.skip('+')) return [1, Infinity]
  if (reader.skip('?')) return [0, 1]
  const counts = reader.match(/\{\s*(\d*)\s*(,?)\s*(\d*)\s*\}/y)
  if (counts === undefined || (counts[1] === '' && counts[3] === '')) {
    if (counts !== undefined) throw reader.error('a repetition needs a number')
    return undefined
  }
  const min = Number(counts[1])
  const max = counts[2] === '' ? min : counts[3] === '' ? Infinity : Number(counts[3])
  if (min > max) throw reader.error(`a repetition from ${min} to ${max} is out of order`)
  if (min > maxCopies || (max !== Infinity && max > maxCopies)) throw new GrammarError(`A repetition of more than ${maxCopies} is not supported.`)
  return [min, max]
}
