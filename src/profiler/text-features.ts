/** Features are numbered [0, numFeatures); what hashes to the same number shares weights. */
export const numFeatures = 4096

/** Of a longer text, only so many characters at each end are read. */
const readChars = 2048
/** Distinct words of each end. English has about 200 in `readChars`. */
const maxWords = 256
/** So many words weigh one each; more share that weight, or a long text would drown out all else. */
const fullWeightWords = 8
const maxOthers = 8
export const maxFeatures = 2 * maxWords + maxOthers

/** What is known of a request before it runs. */
export interface LengthRequest {
  /** What is answered: the last user message, or the prompt. */
  readonly text: string
  readonly promptTokens: number
  /** Missing or Infinity = no limit of the caller's. */
  readonly maxTokens?: number
  readonly systemPrompt?: string
  /** Of the last answer to the same user or session. */
  readonly previousTokens?: number
}

/** Starts of hashes: a word is another feature as a first word than as any word. */
const kind = { word: 0x2f0b4c47, first: 0x52dce729, last: 0x38495ab5, ends: 0x1b873593, prompt: 0x6a09e667, limit: 0x3c6ef372, system: 0x510e527f, previous: 0x1f83d9ab }

/** Features of one request: [0, numOthers) of `indices` weigh 1 each, the words after them `wordWeight`. */
export class TextFeatures {
  readonly indices = new Uint16Array(maxFeatures)
  length = 0
  numOthers = 0
  wordWeight = 1
  /** When a feature was last written, so that it is not twice. */
  readonly #writtenAt = new Uint32Array(numFeatures)
  #writes = 0
  // The first two words' hashes and the last two's, 0 = there is none.
  #first = 0
  #second = 0
  #beforeLast = 0
  #last = 0
  readonly #words = new Uint16Array(2 * maxWords)
  #numWords = 0

  /** Reads a request; nothing is kept of the one before. */
  read (request: LengthRequest): void {
    const { text, promptTokens, maxTokens = Infinity, systemPrompt = '', previousTokens } = request
    this.#readWords(text)
    this.length = 0
    // Without a text there is nothing that its answer could follow from.
    if (this.#first !== 0 || systemPrompt !== '') {
      const first = mix(this.#first ^ kind.first, this.#second)
      const last = mix(this.#last ^ kind.last, this.#beforeLast)
      this.#push(mix(kind.prompt, Math.floor(Math.log2(promptTokens + 1))))
      this.#push(mix(kind.limit, maxTokens === Infinity ? -1 : Math.floor(2 * Math.log2(maxTokens + 1))))
      this.#push(first)
      this.#push(last)
      this.#push(mix(first ^ kind.ends, last))
      if (systemPrompt !== '') this.#push(mix(kind.system, hashEnds(systemPrompt)))
    }
    if (previousTokens !== undefined) this.#push(mix(kind.previous, Math.floor(Math.log2(previousTokens + 1))))
    this.numOthers = this.length
    this.indices.set(this.#words.subarray(0, this.#numWords), this.length)
    this.length += this.#numWords
    this.wordWeight = this.#numWords > fullWeightWords ? fullWeightWords / this.#numWords : 1
  }

  #push (hash: number): void {
    this.indices[this.length++] = hash & (numFeatures - 1)
  }

  #readWords (text: string): void {
    this.#numWords = 0
    this.#first = this.#second = this.#beforeLast = this.#last = 0
    this.#writes++
    const headEnd = Math.min(text.length, readChars)
    this.#readPart(text, 0, headEnd, maxWords)
    if (text.length > headEnd) this.#readPart(text, Math.max(headEnd, text.length - readChars), text.length, this.#numWords + maxWords)
  }

  #readPart (text: string, start: number, end: number, maxTotal: number): void {
    let hash = 0
    for (let at = start; at < end; at++) {
      const code = wordCode(text, at)
      const isAlone = isWordAlone(code)
      if (hash !== 0 && (code === 0 || isAlone)) {
        this.#addWord(mix(hash, kind.word), maxTotal)
        hash = 0
      }
      if (isAlone) this.#addWord(mix(code, kind.word), maxTotal)
      else if (code !== 0) hash = Math.imul((hash === 0 ? kind.word : hash) ^ code, 0x01000193)
    }
    if (hash !== 0) this.#addWord(mix(hash, kind.word), maxTotal)
  }

  #addWord (hash: number, maxTotal: number): void {
    if (this.#first === 0) this.#first = hash
    else if (this.#second === 0) this.#second = hash
    this.#beforeLast = this.#last
    this.#last = hash
    const index = hash & (numFeatures - 1)
    if (this.#numWords === maxTotal || this.#writtenAt[index] === this.#writes) return
    this.#writtenAt[index] = this.#writes
    this.#words[this.#numWords++] = index
  }
}

/** The character at `at` as part of a word, in lower case if it is ASCII; 0 between words. */
function wordCode (text: string, at: number): number {
  const code = text.charCodeAt(at)
  if (code < 0x80) {
    if (code >= 0x61 && code <= 0x7a) return code
    if (code >= 0x41 && code <= 0x5a) return code + 32
    return code >= 0x30 && code <= 0x39 ? code : 0
  }
  // No-break space, quotation marks, dashes and CJK punctuation.
  if (code <= 0xbf || (code >= 0x2000 && code <= 0x206f) || (code >= 0x3000 && code <= 0x303f)) return 0
  return (code & 0xf800) === 0xd800 ? surrogateCode(text, at, code) : code
}

/** Half of a pair as it is; alone, what a decoder puts in its place. */
function surrogateCode (text: string, at: number, code: number): number {
  const other = code < 0xdc00 ? text.charCodeAt(at + 1) & 0xfc00 : at > 0 ? text.charCodeAt(at - 1) & 0xfc00 : 0
  return other === (code < 0xdc00 ? 0xdc00 : 0xd800) ? code : 0xfffd
}

/** Kana and Chinese characters are written without spaces: each is a word. */
function isWordAlone (code: number): boolean {
  return code >= 0x3040 && code <= 0x9fff
}

/** Of a text's ends and its length. */
function hashEnds (text: string): number {
  let hash = text.length
  const headEnd = Math.min(text.length, readChars)
  for (let at = 0; at < headEnd; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  for (let at = Math.max(headEnd, text.length - readChars); at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash
}

/** Spreads two numbers over 32 bits: the finaliser of MurmurHash3 (Appleby, public domain). Never 0. */
function mix (a: number, b: number): number {
  let hash = Math.imul(a ^ Math.imul(b, 0x9e3779b1), 0x85ebca6b)
  hash = Math.imul(hash ^ hash >>> 15, 0xc2b2ae35)
  hash ^= hash >>> 13
  hash = Math.imul(hash, 0x85ebca6b)
  hash ^= hash >>> 16
  return hash === 0 ? 1 : hash
}
