import type { Piece } from './choice-output.js'

/** A piece with what it was written as: for a special token of markup, the text that decoding leaves out. */
export interface WrittenPiece {
  readonly piece: Piece
  readonly written: string
}

/** Pieces whose place in the answer is not decided yet, oldest first. */
export class WaitingPieces {
  readonly #waiting: WrittenPiece[] = []

  push (piece: Piece, written: string): void {
    this.#waiting.push({ piece, written })
  }

  /** The next characters of what was written. Tokens that lie in two parts count to the first of them. */
  take (chars: number): WrittenPiece[] {
    const taken: WrittenPiece[] = []
    let count = 0
    for (let left = chars; left > 0;) {
      const first = this.#waiting[count]!
      const { piece, written } = first
      if (written.length <= left) {
        left -= written.length
        taken.push(first)
        count++
      } else {
        taken.push({ piece: { ...piece, text: piece.text.slice(0, left) }, written: written.slice(0, left) })
        this.#waiting[count] = { piece: { text: piece.text.slice(left), tokenIds: [], logprobs: [] }, written: written.slice(left) }
        left = 0
      }
    }
    this.#waiting.splice(0, count)
    return taken
  }
}
