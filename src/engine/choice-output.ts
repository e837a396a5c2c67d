import type { Choice, FinishReason, TokenLogprob } from './api.js'
import type { CallFilter, TakenCall } from './call-filter.js'
import type { AnswerText } from './choice-messages.js'
import type { ChunkDraft } from './chunk-queue.js'
import type { ReasoningFilter } from './reasoning-filter.js'
import { scanStops } from './stop-strings.js'
import type { WrittenPiece } from './waiting-pieces.js'

/** Text from tokens as they come; never half a character. */
export interface TextDecoder {
  push (id: number): string
  /** What is left of an unfinished character. */
  end (): string
}

/** Tokens that only together make whole characters, and their text. */
export interface Piece {
  readonly text: string
  readonly tokenIds: number[]
  /** Empty when nobody asked for them. */
  readonly logprobs: TokenLogprob[]
}

/** What is taken out of one round of an answer: the model's thoughts, and calls of tools. */
export interface AnswerFilters {
  readonly reasoning?: ReasoningFilter | undefined
  readonly calls?: CallFilter | undefined
}

/**
 * Turns one choice's tokens into chunks. Text that may turn out to be the beginning of a stop string is
 * kept back, by whole tokens, so that a chunk's tokens and log-probabilities are those of its text.
 */
export class ChoiceOutput {
  readonly index: number
  #decoder: TextDecoder
  #filters: AnswerFilters
  readonly #stops: readonly string[]
  readonly #wantsLogprobs: boolean
  /** Tokens of a character that is not complete. */
  #openIds: number[] = []
  #openLogprobs: TokenLogprob[] = []
  /** Complete text that is kept back. */
  #held: Piece[] = []
  #heldText = ''
  readonly #ready: Piece[] = []
  #text = ''
  /** Of all rounds. */
  #reasoning = ''
  #reasoningTokens = 0
  /** Where in both the present round begins. */
  #roundStart = 0
  #reasoningStart = 0
  readonly #tokenIds: number[] = []
  readonly #logprobs: TokenLogprob[] = []
  #finishReason: FinishReason | undefined

  constructor (index: number, decoder: TextDecoder, stops: readonly string[], wantsLogprobs: boolean, filters: AnswerFilters = {}) {
    this.index = index
    this.#decoder = decoder
    this.#filters = filters
    this.#stops = stops
    this.#wantsLogprobs = wantsLogprobs
  }

  /** The calls of the present round; complete when it has ended. */
  get calls (): readonly TakenCall[] {
    return this.#filters.calls?.calls ?? []
  }

  /** What was taken of the present round. */
  get round (): AnswerText {
    return { text: this.#text.slice(this.#roundStart), reasoning: this.#reasoning.slice(this.#reasoningStart) }
  }

  /** Of all rounds. */
  get reasoningTokens (): number {
    return this.#reasoningTokens + (this.#filters.reasoning?.tokens ?? 0)
  }

  /** After tools: the model writes on, in a new turn. */
  startRound (decoder: TextDecoder, filters: AnswerFilters): void {
    this.#reasoningTokens = this.reasoningTokens
    this.#decoder = decoder
    this.#filters = filters
    this.#roundStart = this.#text.length
    this.#reasoningStart = this.#reasoning.length
  }

  /** Takes in a token. True when it completes a stop string, before which the text ends, or the only call. */
  push (id: number, logprob?: TokenLogprob): boolean {
    const special = this.#filters.reasoning?.specialText(id) ?? this.#filters.calls?.specialText(id)
    if (special !== undefined) return this.#addPiece({ text: '', tokenIds: [id], logprobs: logprob === undefined ? [] : [logprob] }, special)
    const text = this.#decoder.push(id)
    // As a rule a token is whole characters.
    if (text !== '' && this.#openIds.length === 0) {
      return this.#addPiece({ text, tokenIds: [id], logprobs: logprob === undefined ? [] : [logprob] })
    }
    this.#openIds.push(id)
    if (logprob !== undefined) this.#openLogprobs.push(logprob)
    return text !== '' && this.#addOpen(text)
  }

  /** No token follows: what was kept back is text after all. `isEnded`: the model ended the answer itself. */
  end (isEnded = false): void {
    const text = this.#decoder.end()
    // Tokens without text, such as an end-of-sequence token that was ignored, count as well.
    if (this.#openIds.length > 0 && this.#addOpen(text)) return
    const { reasoning, calls } = this.#filters
    if (reasoning !== undefined && this.#addAllWritten(reasoning.end())) return
    if (calls !== undefined && this.#addText(calls.end(isEnded))) return
    this.#release(this.#heldText.length)
  }

  /** What can be sent now, the caller's to keep; a last chunk always, with why the choice ended. */
  take (finishReason?: FinishReason): ChunkDraft | undefined {
    this.#finishReason = finishReason
    const reasoning = this.#filters.reasoning?.takeThoughts() ?? ''
    const toolCallDeltas = this.#filters.calls?.takeDeltas()
    if (this.#ready.length === 0 && reasoning === '' && toolCallDeltas === undefined && finishReason === undefined) return undefined
    const { text, tokenIds, logprobs } = this.#ready.length === 1 ? this.#ready.pop()! : joined(this.#ready.splice(0))
    const chunk: ChunkDraft = { index: this.index, text, tokenIds }
    if (this.#wantsLogprobs) chunk.logprobs = logprobs
    if (reasoning !== '') chunk.reasoning = reasoning
    if (toolCallDeltas !== undefined) chunk.toolCallDeltas = toolCallDeltas
    if (finishReason !== undefined) chunk.finishReason = finishReason
    this.#reasoning += reasoning
    this.#text += text
    for (const id of tokenIds) this.#tokenIds.push(id)
    if (this.#wantsLogprobs) for (const logprob of logprobs) this.#logprobs.push(logprob)
    return chunk
  }

  /** All that was taken. */
  choice (): Choice {
    return {
      index: this.index,
      text: this.#text,
      ...this.#reasoning === '' ? {} : { reasoning: this.#reasoning },
      tokenIds: this.#tokenIds,
      ...this.#wantsLogprobs ? { logprobs: this.#logprobs } : {},
      finishReason: this.#finishReason!
    }
  }

  /** The text of the tokens that were open. */
  #addOpen (text: string): boolean {
    const piece = { text, tokenIds: this.#openIds, logprobs: this.#openLogprobs }
    this.#openIds = []
    this.#openLogprobs = []
    return this.#addPiece(piece)
  }

  /** `written`: what markup is looked for in. */
  #addPiece (piece: Piece, written = piece.text): boolean {
    const { reasoning } = this.#filters
    if (reasoning === undefined || reasoning.isOver) return this.#addWritten(piece, written)
    return this.#addAllWritten(reasoning.push(piece, written))
  }

  #addAllWritten (pieces: readonly WrittenPiece[]): boolean {
    return pieces.some(({ piece, written }) => this.#addWritten(piece, written))
  }

  /** What is no thought. */
  #addWritten (piece: Piece, written: string): boolean {
    const { calls } = this.#filters
    if (calls === undefined) return this.#addShown(piece)
    if (this.#addText(calls.push(piece, written))) return true
    if (calls.isDone) this.#release(this.#heldText.length)
    return calls.isDone
  }

  #addText (pieces: readonly Piece[]): boolean {
    return pieces.some(piece => this.#addShown(piece))
  }

  #addShown (piece: Piece): boolean {
    if (this.#stops.length === 0) {
      this.#ready.push(piece)
      return false
    }
    this.#held.push(piece)
    this.#heldText += piece.text
    const { safe, matched } = scanStops(this.#heldText, this.#stops)
    if (matched) this.#cutAt(safe)
    else this.#release(safe)
    return matched
  }

  /** Moves the pieces that lie before `end` from kept back to ready. */
  #release (end: number): void {
    let length = 0
    let count = 0
    for (const piece of this.#held) {
      if (length + piece.text.length > end) break
      length += piece.text.length
      count++
    }
    for (const piece of this.#held.splice(0, count)) this.#ready.push(piece)
    this.#heldText = this.#heldText.slice(length)
  }

  /** Releases the text before `end` and drops the rest, a stop string that begins within a piece too. */
  #cutAt (end: number): void {
    const before = this.#heldText
    this.#release(end)
    const rest = end - (before.length - this.#heldText.length)
    const cut = this.#held[0]
    if (rest > 0 && cut !== undefined) this.#ready.push({ ...cut, text: cut.text.slice(0, rest) })
    this.#held = []
    this.#heldText = ''
  }
}

function joined (pieces: readonly Piece[]): Piece {
  return {
    text: pieces.map(piece => piece.text).join(''),
    tokenIds: pieces.flatMap(piece => piece.tokenIds),
    logprobs: pieces.flatMap(piece => piece.logprobs)
  }
}
