import { GrammarWorkError } from './errors.js'
import type { ParseState } from './parse-state.js'
import type { MaskVocabulary, TokenMasks } from './token-masks.js'
import type { Vocabulary } from './token-trie.js'

/** Work, in walks through the vocabulary: at one mask, of an answer at its start, and more with each token. */
const walksPerMask = 8
const walksAtStart = 64
const walksPerToken = 1

/** Follows one answer through its grammar. What it may cost is bounded, at each token and in all. */
export class GrammarMatcher {
  readonly #masks: TokenMasks
  readonly #vocabulary: Vocabulary
  readonly #eosIds: readonly number[]
  readonly #walkWork: number
  #state: ParseState
  #credit: number
  #hasEnded = false

  constructor (masks: TokenMasks, vocabulary: Vocabulary, { eosIds, walkWork }: MaskVocabulary) {
    this.#masks = masks
    this.#vocabulary = vocabulary
    this.#eosIds = eosIds
    this.#walkWork = walkWork
    this.#credit = walksAtStart * walkWork
    this.#state = masks.parser.start()
  }

  /** The text may end here. */
  get isComplete (): boolean {
    return this.#state.ends
  }

  /**
   * Tokens that may follow, by bit; not to be written to, and valid until the next call. Some bit is always set.
   *
   * @throws GrammarWorkError
   */
  mask (): Int32Array {
    const mask = this.#bounded(() => {
      this.#state = this.#masks.tidy(this.#state)
      return this.#masks.of(this.#state)
    })
    if (mask.every(word => word === 0)) throw new GrammarWorkError('The model has no token that the grammar allows here.')
    return mask
  }

  /**
   * Goes on by a token. False when the grammar does not allow it; nothing has changed then.
   *
   * @throws GrammarWorkError
   */
  accept (id: number): boolean {
    this.#credit += walksPerToken * this.#walkWork
    if (this.#hasEnded) return false
    if (this.#state.ends && this.#eosIds.includes(id)) {
      this.#hasEnded = true
      return true
    }
    const next = this.#bounded(() => this.#after(id))
    if (next === null) return false
    this.#state = next
    return true
  }

  #after (id: number): ParseState | null {
    const { parser } = this.#masks
    const { starts, bytes, size } = this.#vocabulary
    if (id < 0 || id >= size) return null
    const special = parser.stepToken(this.#state, id)
    if (special !== null) return special
    if (starts[id] === starts[id + 1]) return null
    let state: ParseState | null = this.#state
    for (let place = starts[id]!; state !== null && place < starts[id + 1]!; place++) state = parser.step(state, bytes[place]!)
    return state
  }

  #bounded<T> (use: () => T): T {
    const { parser } = this.#masks
    const before = parser.work
    parser.workLimit = before + Math.min(this.#credit, walksPerMask * this.#walkWork)
    try {
      return use()
    } finally {
      this.#credit -= parser.work - before
    }
  }
}
