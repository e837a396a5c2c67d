import { isSpace } from './json-end.js'
import { LiteralSearch } from './literal-search.js'
import type { BegunCall, WrittenCall } from './written-call.js'

/** A part of an answer; the parts follow each other without gaps. */
export interface AnswerPart {
  /** UTF-16 code units. */
  readonly chars: number
  /** Undefined for text; a part between two calls may have none. */
  readonly calls?: readonly WrittenCall[]
  /** Tells of a call that goes on, and takes no characters: these come with the call's own part, or as text. */
  readonly piece?: CallPiece
}

/** More of the arguments of a call. */
export interface CallPiece {
  readonly call: BegunCall
  readonly text: string
}

/** How a format marks its calls. */
export interface CallMarkup {
  /** Texts that a call begins with; none of them repeats its first character. */
  readonly openings: readonly string[]
  /** A JSON object where the answer begins, or right behind a call, may be a call. */
  readonly hasBareObjects: boolean
  /** Reads what follows the opening; of a bare object, the object with its brace. */
  read (opening: string | undefined): CallReader
}

export interface CallReader {
  /** Takes in a character. True when the call is over with it. */
  next (code: number): boolean
  /** Calls that are known before their end, in their order. */
  readonly begun: readonly BegunCall[]
  /**
   * What the text with its opening says. Undefined: it is no call, but text.
   *
   * @param isEnded whether the answer ended within it, and was not cut
   */
  calls (text: string, isEnded: boolean): readonly WrittenCall[] | undefined
}

/** A call that goes on. */
interface OpenCall {
  readonly reader: CallReader
  /** Characters before its opening. */
  readonly blanks: number
  /** From its opening on. */
  text: string
  /** Of those that have begun, how many have been told of to their end. */
  told: number
}

/** What the model thinks about calling is no call. */
const thinkOpening = '<think>'
const thinkClosing = '</think>'
const bareOpening = '{'
const openBrace = 0x7b
const separators = [0x3b, 0x2c]

/**
 * Divides an answer into text and calls while it is being written. Each character is looked at once; what
 * may turn out to be the beginning of a call, with the blanks before it, is kept back.
 */
export class CallParser {
  readonly #markup: CallMarkup
  readonly #openings: readonly LiteralSearch[]
  readonly #thinking = new LiteralSearch(thinkOpening)
  #thinkEnd: LiteralSearch | undefined
  #call: OpenCall | undefined
  /** Characters of an opening that the text ends with, and of blanks before them. */
  #matched = 0
  #blanks = 0
  /** The sum of both, at the end of the last piece. */
  #kept = 0
  /** Nothing but blanks since the answer's beginning or the last call. */
  #isFresh = true
  #hasCalls = false

  constructor (markup: CallMarkup) {
    this.#markup = markup
    this.#openings = markup.openings.map(opening => new LiteralSearch(opening))
  }

  /** Takes in the next piece of the answer; the parts that are certain now. */
  push (piece: string): AnswerPart[] {
    const parts: AnswerPart[] = []
    for (let at = 0; at < piece.length;) at = this.#call === undefined ? this.#readText(piece, at, parts) : this.#readCall(this.#call, piece, at, parts)
    return parts
  }

  /** No text follows. `isEnded`: the model ended the answer itself. */
  end (isEnded: boolean): AnswerPart[] {
    const parts: AnswerPart[] = []
    if (this.#call !== undefined) this.#close(this.#call, isEnded, parts)
    const isBehindCall = this.#hasCalls && this.#isFresh && this.#matched === 0
    addPart(parts, isBehindCall ? { chars: this.#kept, calls: [] } : { chars: this.#kept })
    this.#kept = 0
    return parts
  }

  /** Returns where it stopped: at the end, or behind an opening. */
  #readText (piece: string, from: number, parts: AnswerPart[]): number {
    for (let at = from; at < piece.length; at++) {
      const code = piece.charCodeAt(at)
      if (this.#thinkEnd !== undefined) {
        if (this.#thinkEnd.next(code)) this.#endThinking()
        continue
      }
      const opening = this.#nextOpening(code)
      if (opening === undefined) continue
      addPart(parts, { chars: this.#kept + at + 1 - from - this.#blanks - opening.length })
      this.#open(opening)
      return at + 1
    }
    const undecided = this.#blanks + this.#matched
    addPart(parts, { chars: this.#kept + piece.length - from - undecided })
    this.#kept = undecided
    return piece.length
  }

  #endThinking (): void {
    this.#thinkEnd = undefined
    this.#isFresh = true
  }

  /** The opening that ends here. */
  #nextOpening (code: number): string | undefined {
    let matched = 0
    let opening: string | undefined
    for (const search of this.#openings) {
      if (search.next(code)) opening = search.word
      matched = Math.max(matched, search.matched)
    }
    if (opening !== undefined) return opening
    if (this.#markup.hasBareObjects && this.#isFresh && code === openBrace && this.#matched === 0) return bareOpening
    if (this.#thinking.next(code)) this.#thinkEnd = new LiteralSearch(thinkClosing)
    this.#keep(code, matched)
    return undefined
  }

  #keep (code: number, matched: number): void {
    const isBlank = isSpace(code) || (this.#hasCalls && this.#isFresh && separators.includes(code))
    // What began like an opening is text.
    if (this.#matched > 0 && matched <= this.#matched) {
      this.#isFresh = false
      this.#blanks = 0
    }
    if (matched === 0) {
      this.#isFresh &&= isBlank
      this.#blanks = isBlank ? this.#blanks + 1 : 0
    }
    this.#matched = matched
  }

  #open (opening: string): void {
    const isBare = opening === bareOpening
    const reader = this.#markup.read(isBare ? undefined : opening)
    if (isBare) reader.next(openBrace)
    this.#call = { reader, blanks: this.#blanks, text: opening, told: 0 }
    this.#kept = 0
    this.#matched = 0
    this.#blanks = 0
  }

  #readCall (call: OpenCall, piece: string, from: number, parts: AnswerPart[]): number {
    for (let at = from; at < piece.length; at++) {
      if (!call.reader.next(piece.charCodeAt(at))) continue
      const end = at + 1
      call.text += piece.slice(from, end)
      this.#close(call, true, parts, piece.slice(from, end))
      return end
    }
    call.text += piece.slice(from)
    tell(call, piece.slice(from), parts)
    return piece.length
  }

  #close (call: OpenCall, isEnded: boolean, parts: AnswerPart[], added = ''): void {
    const calls = call.reader.calls(call.text, isEnded)
    if (calls !== undefined) tell(call, added, parts, calls)
    const chars = call.blanks + call.text.length
    addPart(parts, calls === undefined ? { chars } : { chars, calls })
    this.#call = undefined
    this.#isFresh = calls !== undefined
    this.#hasCalls ||= calls !== undefined
  }
}

/** What of the arguments lies in the text that was added last; that before it has been told. At the end, of what could be read. */
function tell (call: OpenCall, added: string, parts: AnswerPart[], calls?: readonly WrittenCall[]): void {
  const offset = call.text.length - added.length
  for (const { begun } = call.reader; call.told < begun.length; call.told++) {
    const next = begun[call.told]!
    const { start, end } = next
    if (calls?.every(read => read.begun !== next) === true) continue
    const text = added.slice(Math.max(0, start - offset), end === undefined ? undefined : Math.max(0, end - offset))
    if (text !== '') parts.push({ chars: 0, piece: { call: next, text } })
    if (end === undefined) return
  }
}

function addPart (parts: AnswerPart[], part: AnswerPart): void {
  if (part.chars > 0) parts.push(part)
}
