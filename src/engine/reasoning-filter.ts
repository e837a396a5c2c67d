import { ReasoningParser, type ReasoningPart } from '../model/chat/reasoning.js'
import type { Piece } from './choice-output.js'
import { WaitingPieces, type WrittenPiece } from './waiting-pieces.js'

/** Takes a model's thoughts out of an answer's pieces of text, and counts their tokens. */
export class ReasoningFilter {
  /** Of the thoughts and the markup around them. */
  tokens = 0
  readonly #parser: ReasoningParser
  /** Markup that the model has as special tokens, which have no text of their own. */
  readonly #specials: ReadonlyMap<number, string>
  readonly #waiting = new WaitingPieces()
  #thoughts = ''

  /** `isOpen`: the prompt ends among thoughts. */
  constructor (isOpen: boolean, specials: ReadonlyMap<number, string>) {
    this.#parser = new ReasoningParser(isOpen)
    this.#specials = specials
  }

  /** What a special token of the markup stands for. */
  specialText (id: number): string | undefined {
    return this.#specials.get(id)
  }

  /** Everything from here on is text. */
  get isOver (): boolean {
    return this.#parser.isOver
  }

  /** Takes in a piece that was written as `written`; the pieces that are text for certain. */
  push (piece: Piece, written: string): WrittenPiece[] {
    this.#waiting.push(piece, written)
    return this.#decide(this.#parser.push(written))
  }

  /** No token follows. */
  end (): WrittenPiece[] {
    return this.#decide(this.#parser.end())
  }

  /** The thoughts that have come since the last time. */
  takeThoughts (): string {
    const thoughts = this.#thoughts
    this.#thoughts = ''
    return thoughts
  }

  #decide (parts: readonly ReasoningPart[]): WrittenPiece[] {
    const text: WrittenPiece[] = []
    for (const { chars, kind } of parts) {
      const pieces = this.#waiting.take(chars)
      for (const taken of pieces) {
        if (kind === 'text') text.push(taken)
        else this.#count(taken, kind)
      }
    }
    return text
  }

  #count ({ piece }: WrittenPiece, kind: 'reasoning' | 'markup'): void {
    this.tokens += piece.tokenIds.length
    if (kind === 'reasoning') this.#thoughts += piece.text
  }
}
