import { CallParser } from '../model/chat/tool-calls/call-parser.js'
import type { ToolFormat } from '../model/chat/tool-calls/tool-format.js'
import type { WrittenCall } from '../model/chat/tool-calls/written-call.js'
import type { Piece } from './choice-output.js'

/** A piece whose place is not decided yet. */
interface WaitingPiece {
  readonly piece: Piece
  /** Of the text that the parser got for it. */
  chars: number
}

/** Takes the calls of tools out of an answer's pieces of text, with their tokens. */
export class CallFilter {
  readonly calls: WrittenCall[] = []
  readonly #parser: CallParser
  /** Special tokens of the format, which have no text of their own. */
  readonly #specials: ReadonlyMap<number, string>
  readonly #takesMalformed: boolean
  readonly #waiting: WaitingPiece[] = []

  /** `takesMalformed`: calls that cannot be read are calls too, because somebody can tell the model; else they are text. */
  constructor (format: ToolFormat, specials: ReadonlyMap<number, string>, takesMalformed: boolean) {
    this.#parser = new CallParser(format)
    this.#specials = specials
    this.#takesMalformed = takesMalformed
  }

  /** What a special token of the format stands for. */
  specialText (id: number): string | undefined {
    return this.#specials.get(id)
  }

  /** Takes in a piece that was written as `written`; the pieces that are text for certain. */
  push (piece: Piece, written: string): Piece[] {
    this.#waiting.push({ piece, chars: written.length })
    return this.#decide(this.#parser.push(written))
  }

  /** No token follows. `isEnded`: the model ended the answer itself. */
  end (isEnded: boolean): Piece[] {
    return this.#decide(this.#parser.end(isEnded))
  }

  #decide (parts: ReturnType<CallParser['push']>): Piece[] {
    const text: Piece[] = []
    for (const { chars, calls } of parts) {
      const isText = calls === undefined || (!this.#takesMalformed && calls.some(({ error }) => error !== undefined))
      const pieces = this.#take(chars)
      if (isText) text.push(...pieces)
      else this.calls.push(...calls)
    }
    return text
  }

  /** The next characters. Tokens that lie in two parts count to the first of them. */
  #take (chars: number): Piece[] {
    const taken: Piece[] = []
    let count = 0
    for (let left = chars; left > 0;) {
      const first = this.#waiting[count]!
      if (first.chars <= left) {
        left -= first.chars
        taken.push(first.piece)
        count++
      } else {
        const { text } = first.piece
        taken.push({ ...first.piece, text: text.slice(0, left) })
        this.#waiting[count] = { piece: { text: text.slice(left), tokenIds: [], logprobs: [] }, chars: first.chars - left }
        left = 0
      }
    }
    this.#waiting.splice(0, count)
    return taken
  }
}
