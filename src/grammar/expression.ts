// What grammars are made of before they become an automaton: the regex, EBNF and JSON schema readers write it.

/** Bounds of code points, in pairs: [lowest, highest, lowest, highest, ...], ascending, not overlapping. */
export type CodePointRanges = readonly number[]

/** A part of the grammar with a name of its own, which may contain itself. */
export interface Rule {
  readonly name: string
  body: Expression
}

export type Expression =
  /** One character of the ranges, as UTF-8. */
  | { readonly kind: 'characters', readonly ranges: CodePointRanges }
  | { readonly kind: 'text', readonly text: string }
  /** One of the texts. */
  | { readonly kind: 'words', readonly words: readonly string[] }
  /** A special token of the model, which has no text. */
  | { readonly kind: 'token', readonly id: number }
  | { readonly kind: 'sequence', readonly parts: readonly Expression[] }
  | { readonly kind: 'either', readonly parts: readonly Expression[] }
  /** `max` Infinity: any number. */
  | { readonly kind: 'repeat', readonly part: Expression, readonly min: number, readonly max: number }
  | { readonly kind: 'call', readonly rule: Rule }

export const lastCodePoint = 0x10FFFF

export function characters (ranges: CodePointRanges): Expression {
  return { kind: 'characters', ranges }
}

export function text (value: string): Expression {
  return { kind: 'text', text: value }
}

export function words (values: readonly string[]): Expression {
  return { kind: 'words', words: values }
}

export function sequence (...parts: readonly Expression[]): Expression {
  return parts.length === 1 ? parts[0]! : { kind: 'sequence', parts }
}

/** Without parts, nothing fits it. */
export function either (...parts: readonly Expression[]): Expression {
  return parts.length === 1 ? parts[0]! : { kind: 'either', parts }
}

export function repeat (part: Expression, min: number, max: number): Expression {
  return { kind: 'repeat', part, min, max }
}

export function optional (part: Expression): Expression {
  return repeat(part, 0, 1)
}

export function call (rule: Rule): Expression {
  return { kind: 'call', rule }
}

/** A rule whose body comes later, or refers to itself. */
export function openRule (name: string): Rule {
  return { name, body: either() }
}

/** Sorted, with neighbours joined. */
export function joinRanges (ranges: CodePointRanges): number[] {
  const pairs: Array<[number, number]> = []
  for (let i = 0; i < ranges.length; i += 2) pairs.push([ranges[i]!, ranges[i + 1]!])
  pairs.sort((a, b) => a[0] - b[0])
  const joined: number[] = []
  for (const [low, high] of pairs) {
    const end = joined.length - 1
    if (end > 0 && low <= joined[end]! + 1) joined[end] = Math.max(joined[end]!, high)
    else joined.push(low, high)
  }
  return joined
}

/** All code points that are not in the ranges. */
export function invertRanges (ranges: CodePointRanges): number[] {
  const inverted: number[] = []
  let next = 0
  const joined = joinRanges(ranges)
  for (let i = 0; i < joined.length; i += 2) {
    if (joined[i]! > next) inverted.push(next, joined[i]! - 1)
    next = joined[i + 1]! + 1
  }
  if (next <= lastCodePoint) inverted.push(next, lastCodePoint)
  return inverted
}

/** Code points in both. */
export function commonRanges (a: CodePointRanges, b: CodePointRanges): number[] {
  return invertRanges([...invertRanges(a), ...invertRanges(b)])
}
