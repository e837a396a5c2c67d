// How user text is kept from being read as special tokens.
//
// Before a chat template is rendered, every look-alike of a special token in the messages gets a
// guard character after its first character. Templates can still trim, split and compare the text.
// After rendering, special tokens without a guard in them come from the template and are meant.
// The guard is a character that occurs nowhere in the input, so it can be taken out again exactly.
import type { GuardedText, SpecialTokens } from './tokenizer.js'

export interface AddedToken {
  readonly id: number
  readonly content: string
  readonly special: boolean
  /** Whitespace before or after the token belongs to it. */
  readonly lstrip: boolean
  readonly rstrip: boolean
}

/**
 * Special tokens and those added tokens that look like markup; runs of spaces and words that a
 * tokenizer adds for compactness are ordinary text.
 */
export function specialTokens (added: readonly AddedToken[]): SpecialTokens {
  return {
    control: added.filter(token => token.special).map(token => token.content),
    markup: added.filter(token => !token.special && isMarkup(token.content)).map(token => token.content)
  }
}

function isMarkup (content: string): boolean {
  return /^(<.+>|\[.+\])$/s.test(content.trim())
}

/** Unicode noncharacters first, for they mean nothing in any text; then the private use area. */
function* guardCandidates (): Generator<string> {
  for (let code = 0xFDD0; code <= 0xFDEF; code++) yield String.fromCharCode(code)
  for (let code = 0xE000; code <= 0xF8FF; code++) yield String.fromCharCode(code)
}

/**
 * A character that occurs in none of the texts, nor does its JSON escape; undefined when they use up
 * all candidates. However many they use, each text is read once or twice.
 */
export function chooseGuard (texts: readonly string[]): string | undefined {
  const [usual] = guardCandidates()
  if (!texts.some(text => text.includes(usual!) || text.includes(jsonEscape(usual!)))) return usual
  const isUsed = new Uint8Array(0x10000)
  for (const text of texts) markCharacters(text, isUsed)
  for (const candidate of guardCandidates()) if (isUsed[candidate.charCodeAt(0)] === 0) return candidate
  return undefined
}

const backslash = 0x5c
const letterU = 0x75

/** Marks every character of a text, and those that its JSON escapes name. */
function markCharacters (text: string, isUsed: Uint8Array): void {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    isUsed[code] = 1
    if (code !== backslash || text.charCodeAt(at + 1) !== letterU) continue
    let escaped = 0
    for (let place = at + 2; place < at + 6; place++) escaped = escaped << 4 | hexDigit(text.charCodeAt(place))
    isUsed[escaped] = 1
  }
}

/** Of what is no digit, any number: a character that is taken for used is not missed. */
function hexDigit (code: number): number {
  return (code < 0x40 ? code : code + 9) & 0xf
}

/** How a guard looks where a template asks for JSON in ASCII. */
export const jsonEscape = (guard: string): string => `\\u${guard.charCodeAt(0).toString(16)}`

/** Puts a guard into every look-alike of the given tokens. */
export class Guarder {
  readonly #anywhere: RegExp | undefined
  /** Lengths below the longest token, by prefix: a token's beginning at the end of a text. */
  readonly #tokens: readonly string[]

  constructor (tokens: readonly string[]) {
    this.#tokens = tokens.filter(token => token !== '')
    this.#anywhere = this.#tokens.length === 0 ? undefined : new RegExp(`(?=${alternatives(this.#tokens)})`, 'gu')
  }

  /**
   * Look-alikes may overlap, so each position where one starts is guarded. A token's beginning at
   * the end of the text is guarded as well: a template may put the rest behind it.
   */
  guard (text: string, guard: string): string {
    if (this.#anywhere === undefined) return text
    const starts = new Set<number>()
    for (const match of text.matchAll(this.#anywhere)) starts.add(match.index)
    const tail = this.#tailStart(text)
    if (tail !== undefined) starts.add(tail)
    let guarded = ''
    let from = 0
    for (const start of [...starts].sort((a, b) => a - b)) {
      const end = start + String.fromCodePoint(text.codePointAt(start)!).length
      guarded += text.slice(from, end) + guard
      from = end
    }
    return guarded + text.slice(from)
  }

  /** Where the text's end could be the beginning of a token that goes on. */
  #tailStart (text: string): number | undefined {
    let longest: number | undefined
    for (const token of this.#tokens) {
      for (let length = Math.min(token.length - 1, text.length); length > 0; length--) {
        if (!text.endsWith(token.slice(0, length))) continue
        if (longest === undefined || text.length - length < longest) longest = text.length - length
        break
      }
    }
    return longest
  }
}

/** A stretch of rendered text: a special token that is meant, or text between such tokens. */
export type RenderedPart =
  | { readonly kind: 'token', readonly token: string }
  | { readonly kind: 'text', readonly text: string, readonly isGuarded: boolean }

/** Splits rendered text at the special tokens that hold no guard; guards are taken out. */
export function splitRendered ({ text, guard }: GuardedText, tokens: readonly string[]): readonly RenderedPart[] {
  const parts: RenderedPart[] = []
  const addText = (between: string): void => {
    if (between === '') return
    const isGuarded = guard !== undefined && between.includes(guard)
    parts.push({ kind: 'text', text: isGuarded ? between.replaceAll(guard, '') : between, isGuarded })
  }
  let from = 0
  for (const match of tokens.length === 0 ? [] : text.matchAll(meantTokens(tokens, guard))) {
    addText(text.slice(from, match.index))
    parts.push({ kind: 'token', token: match[0] })
    from = match.index + match[0].length
  }
  addText(text.slice(from))
  return parts
}

/** A token of one character has no inside; its guard follows it. */
function meantTokens (tokens: readonly string[], guard: string | undefined): RegExp {
  return new RegExp(alternatives(tokens) + (guard === undefined ? '' : `(?!${escapeRegExp(guard)})`), 'gu')
}

export function matcherOf (tokens: readonly string[]): RegExp | undefined {
  return tokens.length === 0 ? undefined : new RegExp(alternatives(tokens), 'u')
}

/** Longest first: where several tokens start, the longest is taken. */
function alternatives (tokens: readonly string[]): string {
  return `(?:${[...tokens].sort((a, b) => b.length - a.length).map(escapeRegExp).join('|')})`
}

const escapeRegExp = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
