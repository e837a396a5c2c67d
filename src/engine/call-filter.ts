import { CallParser, type CallPiece } from '../model/chat/tool-calls/call-parser.js'
import type { ToolFormat } from '../model/chat/tool-calls/tool-format.js'
import type { BegunCall, WrittenCall } from '../model/chat/tool-calls/written-call.js'
import type { ToolCallDelta } from './api.js'
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

/** A call that counts. */
export interface TakenCall extends WrittenCall {
  readonly id: string
}

/** A delta that more may be added to. */
export type DeltaDraft = { -readonly [Key in keyof ToolCallDelta]: ToolCallDelta[Key] }

/** Takes the calls of tools out of an answer's pieces of text, with their tokens. */
export class CallFilter {
  readonly calls: TakenCall[] = []
  readonly #parser: CallParser
  /** Special tokens of the format, which have no text of their own. */
  readonly #specials: ReadonlyMap<number, string>
  readonly #rules: CallRules
  readonly #idOf: (place: number) => string
  readonly #waiting = new WaitingPieces()
  /** Calls that have ids: those that were told of, and have become text, too. */
  #numCalls = 0
  /** Those that were told of, until it is decided whether they count. */
  readonly #told = new Map<BegunCall, string>()
  #deltas: DeltaDraft[] = []

  constructor (format: ToolFormat, specials: ReadonlyMap<number, string>, rules: CallRules, idOf: (place: number) => string) {
    this.#parser = new CallParser(format)
    this.#specials = specials
    this.#rules = rules
    this.#idOf = idOf
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

  /** What calls have been written on by since the last time, the caller's to keep; undefined = nothing. */
  takeDeltas (): DeltaDraft[] | undefined {
    if (this.#deltas.length === 0) return undefined
    const deltas = this.#deltas
    this.#deltas = []
    return deltas
  }

  #decide (parts: ReturnType<CallParser['push']>): Piece[] {
    const text: Piece[] = []
    for (const { chars, calls, piece } of parts) {
      if (this.isDone) break
      if (piece !== undefined) {
        this.#tell(piece)
        continue
      }
      const pieces = this.#waiting.take(chars).map(taken => taken.piece)
      if (calls?.every(call => this.#isTaken(call)) === true) for (const call of this.#rules.isSingle === true ? calls.slice(0, 1) : calls) this.#take(call)
      // Not as arguments: they may be as many as the answer has tokens.
      else for (const taken of pieces) text.push(taken)
      this.#told.clear()
    }
    return text
  }

  #tell ({ call, text }: CallPiece): void {
    const { allowed, isSingle } = this.#rules
    const id = this.#told.get(call)
    if (id !== undefined) addDelta(this.#deltas, { id, arguments: text })
    else if ((allowed === undefined || allowed.has(call.name)) && (isSingle !== true || this.#told.size === 0)) {
      this.#told.set(call, this.#nextId())
      addDelta(this.#deltas, { id: this.#told.get(call)!, name: call.name, arguments: text })
    }
  }

  #take (call: WrittenCall): void {
    const told = call.begun === undefined ? undefined : this.#told.get(call.begun)
    const id = told ?? this.#nextId()
    this.calls.push({ ...call, id })
    if (told !== undefined) addDelta(this.#deltas, { id, arguments: '', isComplete: true })
    else if (call.error === undefined) addDelta(this.#deltas, { id, name: call.name, arguments: call.argumentsText, isComplete: true })
  }

  #nextId (): string {
    return this.#idOf(this.#numCalls++)
  }

  #isTaken ({ name, error }: WrittenCall): boolean {
    const { takesMalformed, allowed } = this.#rules
    return error === undefined ? allowed === undefined || allowed.has(name) : takesMalformed
  }
}

/** To the last one where that is of the same call. */
export function addDelta (deltas: DeltaDraft[], delta: ToolCallDelta): void {
  const last = deltas.at(-1)
  if (last?.id !== delta.id) {
    deltas.push({ ...delta })
    return
  }
  last.arguments += delta.arguments
  if (delta.isComplete === true) last.isComplete = true
}
