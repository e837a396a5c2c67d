import { call, characters, commonRanges, either, invertRanges, openRule, optional, repeat, sequence, text, words, type CodePointRanges, type Expression, type Rule } from './expression.js'

// JSON as models write it: one line, or indented. Blanks are bounded, so that no answer can end in nothing but blanks;
// so are digits, so that every number is exact or at least finite.

const range = (low: string, high: string): [number, number] => [low.codePointAt(0)!, high.codePointAt(0)!]
const digit = characters(range('0', '9'))
const hex = characters([...range('0', '9'), ...range('A', 'F'), ...range('a', 'f')])

/** Characters that stand for themselves within quotes. */
const plain = invertRanges([0, 0x1F, ...range('"', '"'), ...range('\\', '\\'), 0xD800, 0xDFFF])
const shortEscapes: ReadonlyMap<number, string> = new Map([
  [0x22, '\\"'], [0x5C, '\\\\'], [0x08, '\\b'], [0x0C, '\\f'], [0x0A, '\\n'], [0x0D, '\\r'], [0x09, '\\t']
])

/** Each character in one spelling: its own, or the escape that it must have. */
export function quotedCharacters (ranges: CodePointRanges): Expression {
  const escaped: string[] = []
  const escapable = [...Array.from({ length: 0x20 }, (_, code) => code), 0x22, 0x5C]
  for (const code of escapable) {
    if (commonRanges(ranges, [code, code]).length > 0) escaped.push(shortEscapes.get(code) ?? `\\u${code.toString(16).padStart(4, '0')}`)
  }
  const own = characters(commonRanges(ranges, plain))
  return escaped.length === 0 ? own : either(own, words(escaped))
}

/** One character in any of its spellings. Halves of characters are left out: a pair of them would count as two. */
export const anyCharacter: Expression = either(
  characters(plain),
  sequence(text('\\'), either(
    words(['"', '\\', '/', 'b', 'f', 'n', 'r', 't']),
    sequence(text('u'), either(
      sequence(characters([...range('0', '9'), ...range('A', 'C'), ...range('E', 'F'), ...range('a', 'c'), ...range('e', 'f')]), hex, hex, hex),
      sequence(words(['d', 'D']), characters(range('0', '7')), hex, hex)
    ))
  ))
)

export const quote = text('"')

function rule (name: string, body: Expression): Rule {
  return { name, body }
}

/** Nothing, a space, or a new line with its indentation. */
export const blank = rule('blank', optional(either(text(' '), sequence(text('\n'), either(repeat(text(' '), 0, 40), repeat(text('\t'), 1, 10))))))
export const anyString = rule('string', sequence(quote, repeat(anyCharacter, 0, Infinity), quote))
const natural = either(text('0'), sequence(characters(range('1', '9')), repeat(digit, 0, 14)))
export const anyInteger = rule('integer', sequence(optional(text('-')), natural))
export const fraction = sequence(text('.'), repeat(digit, 1, 15))
export const anyNumber = rule('number', sequence(optional(text('-')), natural, optional(fraction),
  optional(sequence(words(['e', 'E']), optional(words(['+', '-'])), digit, optional(digit)))))
export const anyValue = openRule('value')
export const anyObject = rule('object', braces(sequence(call(anyString), colon(), call(anyValue)), 0, Infinity, '{', '}'))
export const anyArray = rule('array', braces(call(anyValue), 0, Infinity, '[', ']'))
anyValue.body = either(call(anyString), call(anyNumber), call(anyObject), call(anyArray), words(['true', 'false', 'null']))

/** What every automaton has first, in this order. */
export const jsonRules: readonly Rule[] = [blank, anyString, anyInteger, anyNumber, anyValue, anyObject, anyArray]

export function colon (): Expression {
  return sequence(text(':'), call(blank))
}

/** Blanks may stand on either side of what commas part, not before them. */
export function comma (): Expression {
  return sequence(text(','), call(blank))
}

/** `min` to `max` parts between brackets. */
export function braces (part: Expression, min: number, max: number, open: string, close: string): Expression {
  if (max === 0) return sequence(text(open), call(blank), text(close))
  const more = repeat(sequence(comma(), part), Math.max(0, min - 1), max - 1)
  const some = sequence(part, more)
  return sequence(text(open), call(blank), min === 0 ? optional(sequence(some, call(blank))) : sequence(some, call(blank)), text(close))
}
