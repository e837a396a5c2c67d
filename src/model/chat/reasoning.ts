import { LiteralSearch } from './tool-calls/literal-search.js'
import { isSpace } from './tool-calls/json-end.js'

const opening = '<think>'
const closing = '</think>'

/** What stands around a model's thoughts. Some models have it as special tokens, which decoding leaves out. */
export const reasoningMarkup = [opening, closing] as const

/** Whether the model thinks before it answers: its template takes thoughts out of earlier answers, or begins one with them. */
export function showsReasoning (template: string): boolean {
  return template.includes(closing)
}

/** Whether the answer to this prompt begins among thoughts: the template has opened them. */
export function opensReasoning (prompt: string): boolean {
  return prompt.slice(-64).trimEnd().endsWith(opening)
}

/** A part of an answer; the parts follow each other without gaps. */
export interface ReasoningPart {
  /** UTF-16 code units. */
  readonly chars: number
  /** 'markup': around the thoughts, with the blanks beside it. */
  readonly kind: 'reasoning' | 'markup' | 'text'
}

/** 'before' and 'after': nothing but blanks, where thoughts may begin, and behind them. */
type Place = 'before' | 'lead' | 'thoughts' | 'after' | 'text'

/**
 * Divides an answer into thoughts and text while it is being written. Thoughts come first and once: what
 * looks like them later is text.
 */
export class ReasoningParser {
  #place: Place
  #search: LiteralSearch
  /** Characters kept back: blanks, and what may be the beginning of markup. */
  #blanks = 0
  #kept = 0

  constructor (isOpen: boolean) {
    this.#place = isOpen ? 'lead' : 'before'
    this.#search = new LiteralSearch(isOpen ? closing : opening)
  }

  /** Everything from here on is text. */
  get isOver (): boolean {
    return this.#place === 'text'
  }

  /** Takes in the next piece of the answer; the parts that are certain now. */
  push (piece: string): ReasoningPart[] {
    const parts: ReasoningPart[] = []
    for (let at = 0; at < piece.length; at++) {
      if (this.#place === 'text') {
        addPart(parts, 'text', piece.length - at)
        break
      }
      this.#next(piece.charCodeAt(at), parts)
    }
    return parts
  }

  /** No text follows. */
  end (): ReasoningPart[] {
    const parts: ReasoningPart[] = []
    const isThought = this.#place === 'lead' || this.#place === 'thoughts'
    addPart(parts, isThought ? 'reasoning' : 'text', this.#kept)
    this.#kept = 0
    return parts
  }

  #next (code: number, parts: ReasoningPart[]): void {
    switch (this.#place) {
      case 'before': this.#nextBefore(code, parts); break
      case 'lead':
      case 'thoughts': this.#nextThought(code, parts); break
      default: this.#nextAfter(code, parts)
    }
  }

  #nextBefore (code: number, parts: ReasoningPart[]): void {
    this.#kept++
    if (this.#search.next(code)) {
      this.#release(parts, 'markup')
      this.#place = 'lead'
      this.#search = new LiteralSearch(closing)
    } else if (this.#search.matched === 0 ? !isSpace(code) || this.#kept - 1 > this.#blanks : this.#search.matched < this.#kept - this.#blanks) {
      this.#release(parts, 'text')
      this.#place = 'text'
    } else if (this.#search.matched === 0) this.#blanks++
  }

  #nextThought (code: number, parts: ReasoningPart[]): void {
    this.#kept++
    if (this.#search.next(code)) {
      this.#release(parts, 'markup')
      this.#place = 'after'
    } else if (this.#search.matched === 0 && isSpace(code)) {
      // What was taken for markup before these blanks was none.
      const isBehindOther = this.#kept - 1 > this.#blanks
      if (isBehindOther) this.#releaseThought(parts, this.#kept - 1)
      this.#blanks++
      if (this.#place === 'lead') this.#release(parts, 'markup')
    } else {
      const undecided = this.#search.matched
      const certain = this.#kept - undecided
      // Blanks wait with the markup that may follow them.
      if (certain > this.#blanks) this.#releaseThought(parts, certain)
    }
  }

  #nextAfter (code: number, parts: ReasoningPart[]): void {
    this.#kept++
    if (isSpace(code)) {
      this.#release(parts, 'markup')
      return
    }
    this.#place = 'text'
    this.#release(parts, 'text')
  }

  #releaseThought (parts: ReasoningPart[], chars: number): void {
    addPart(parts, 'reasoning', chars)
    this.#kept -= chars
    this.#blanks = 0
    this.#place = 'thoughts'
  }

  #release (parts: ReasoningPart[], kind: ReasoningPart['kind']): void {
    addPart(parts, kind, this.#kept)
    this.#kept = 0
    this.#blanks = 0
  }
}

function addPart (parts: ReasoningPart[], kind: ReasoningPart['kind'], chars: number): void {
  const last = parts.at(-1)
  if (chars === 0) return
  if (last?.kind === kind) parts[parts.length - 1] = { kind, chars: last.chars + chars }
  else parts.push({ kind, chars })
}
