/** Tokens that must have stood together before; and more of them are looked at to choose between places. */
const minMatchTokens = 3
const maxMatchTokens = 16
/** Earlier places that are looked at, the newest first. */
const maxPlaces = 8
/** What is believed of a sequence before anything was tried: so many drafted tokens, of which so many were right. */
const priorTried = 2
const priorRight = 1.2
/** Of what was tried before, what counts beside a new trial, and after a token more: the text may change its kind. */
const trialMemory = 0.8
const tokenMemory = 0.98

/**
 * Guesses what a sequence writes next: what followed its last tokens where they stood before, in the prompt
 * or in the answer (prompt lookup: Saxena 2023; the idea of verifying several tokens at once is speculative
 * decoding, Leviathan et al. 2023, arXiv:2211.17192). A hash table of the places of all runs of three tokens is kept up
 * to date, so that a guess takes the same time whatever the length.
 */
export class PromptLookup {
  /** What `guess` has found. */
  readonly draft: Int32Array
  /** Place behind the newest run of tokens with a hash; 0 = none. */
  #heads = new Int32Array(256)
  /** Of the run that ends before place i: the place behind the one before with the same hash. */
  #previous = new Int32Array(128)
  /** Runs that end before this place are in the table. */
  #known = 0
  #guessedAt = -1
  #guessed = 0
  #tried = priorTried
  #right = priorRight

  constructor (maxDraftTokens: number) {
    this.draft = new Int32Array(maxDraftTokens)
  }

  /** Probability that a drafted token is right when those before it are: from 0 to 1, both excluded. */
  get acceptance (): number {
    return this.#right / this.#tried
  }

  /** How many tokens are guessed after the first `numTokens` of `tokens`; they stand in `draft`. */
  guess (tokens: Int32Array, numTokens: number): number {
    if (this.#guessedAt === numTokens) return this.#guessed
    this.#learn(tokens, numTokens)
    this.#guessedAt = numTokens
    this.#forget(tokenMemory)
    this.#guessed = this.#follow(tokens, numTokens, this.#bestPlace(tokens, numTokens))
    return this.#guessed
  }

  /** What became of a draft. */
  verified (drafted: number, accepted: number): void {
    this.#forget(trialMemory)
    this.#right += accepted
    this.#tried += accepted < drafted ? accepted + 1 : accepted
  }

  /** What was believed before comes back, as far as nothing new speaks against it. */
  #forget (share: number): void {
    this.#right = share * this.#right + (1 - share) * priorRight
    this.#tried = share * this.#tried + (1 - share) * priorTried
  }

  /** Puts runs into the table, but not the last one: it is what is looked for. */
  #learn (tokens: Int32Array, numTokens: number): void {
    if (numTokens > this.#previous.length) this.#grow(tokens, numTokens)
    for (let end = Math.max(this.#known + 1, minMatchTokens); end < numTokens; end++) this.#put(tokens, end)
    this.#known = Math.max(this.#known, numTokens - 1)
  }

  #put (tokens: Int32Array, end: number): void {
    const bucket = this.#bucket(tokens, end)
    this.#previous[end] = this.#heads[bucket]!
    this.#heads[bucket] = end
  }

  #grow (tokens: Int32Array, numTokens: number): void {
    const places = 2 ** Math.ceil(Math.log2(numTokens + 1))
    const previous = new Int32Array(places)
    this.#previous = previous
    this.#heads = new Int32Array(2 * places)
    for (let end = minMatchTokens; end <= this.#known; end++) this.#put(tokens, end)
  }

  #bucket (tokens: Int32Array, end: number): number {
    let hash = 0
    for (let i = end - minMatchTokens; i < end; i++) hash = Math.imul(hash ^ tokens[i]!, 0x9E3779B1)
    return (hash ^ (hash >>> 15)) & (this.#heads.length - 1)
  }

  /** The end of the earlier run that has most in common with the last tokens; the newest of equals; 0 = none. */
  #bestPlace (tokens: Int32Array, numTokens: number): number {
    if (numTokens < minMatchTokens) return 0
    let best = 0
    let bestLength = minMatchTokens - 1
    let end = this.#heads[this.#bucket(tokens, numTokens)]!
    for (let i = 0; i < maxPlaces && end > 0; i++) {
      const length = commonLength(tokens, end, numTokens)
      if (length > bestLength) {
        best = end
        bestLength = length
      }
      end = this.#previous[end]!
    }
    return best
  }

  /** What followed at `place`; what repeats itself goes on doing so. */
  #follow (tokens: Int32Array, numTokens: number, place: number): number {
    if (place === 0) return 0
    const { draft } = this
    for (let i = 0; i < draft.length; i++) {
      const from = place + i
      draft[i] = from < numTokens ? tokens[from]! : draft[from - numTokens]!
    }
    return draft.length
  }
}

/** Equal tokens before `end` and before `numTokens`. */
function commonLength (tokens: Int32Array, end: number, numTokens: number): number {
  const most = Math.min(maxMatchTokens, end)
  let length = 0
  while (length < most && tokens[end - 1 - length] === tokens[numTokens - 1 - length]) length++
  return length
}
