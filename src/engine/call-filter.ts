import { CallParser } from '../model/chat/tool-calls/call-parser.js'
import type { ToolFormat } from '../model/chat/tool-calls/tool-format.js'
import type { WrittenCall } from '../model/chat/tool-calls/written-call.js'
import type { Piece } from './choice-output.js'
import { WaitingPieces } from './waiting-pieces.js'

/** What of an answer counts as a call. */
export interface CallRules {
  /** Calls that cannot be read are calls too, because somebody can tell the model; else they are text. */
  readonly takesMalformed: boolean
  /** Calls of other tools are text; undefined = any may be called. */
  readonly allowed?: ReadonlySet<string> | undefined
  /** The answer ends with its first call. */
  readonly isSingle?: boolean | undefined
}

/** Takes the calls of tools out of an answer's pieces of text, with their tokens. */
export class CallFilter {
  readonly calls: WrittenCall[] = []
  readonly #parser: CallParser
  /** Special tokens of the format, which have no text of their own. */
  readonly #specials: ReadonlyMap<number, string>
  readonly #rules: CallRules
  readonly #waiting = new WaitingPieces()

  constructor (format: ToolFormat, specials: ReadonlyMap<number, string>, rules: CallRules) {
    this.#parser = new CallParser(format)
    this.#specials = specials
    this.#rules = rules
  }

  /** The answer has the one call that it may have: what follows is no part of it. */
  get isDone (): boolean {
    return this.#rules.isSingle === true && this.calls.length > 0
  }

  /** What a special token of the format stands for. */
  specialText (id: number): string | undefined {
    return this.#specials.get(id)
  }

  /** Takes in a piece that was written as `written`; the pieces that are text for certain. */
  push (piece: Piece, written: string): Piece[] {
    this.#waiting.push(piece, written)
    return this.#decide(this.#parser.push(written))
  }

  /** No token follows. `isEnded`: the model ended the answer itself. */
  end (isEnded: boolean): Piece[] {
    return this.#decide(this.#parser.end(isEnded))
  }

  #decide (parts: ReturnType<CallParser['push']>): Piece[] {
    const text: Piece[] = []
    for (const { chars, calls } of parts) {
      if (this.isDone) break
      const pieces = this.#waiting.take(chars).map(({ piece }) => piece)
      if (calls === undefined || !calls.every(call => this.#isTaken(call))) text.push(...pieces)
      else this.calls.push(...this.#rules.isSingle === true ? calls.slice(0, 1) : calls)
    }
    return text
  }

  #isTaken ({ name, error }: WrittenCall): boolean {
    const { takesMalformed, allowed } = this.#rules
    return error === undefined ? allowed === undefined || allowed.has(name) : takesMalformed
  }
}
