import { Tokenizer as Library } from 'tokenizers'
import { InvalidParameterError } from '../../core/errors.js'
import { TokenizerError } from '../errors.js'
import { EncodeQueue } from './encode-queue.js'
import { chooseGuard, Guarder, matcherOf, specialTokens, splitRendered, type AddedToken } from './special-tokens.js'
import { ByteStreamDecoder } from './stream-decoder.js'
import { TokenBytes, pieceDecoder, utf8 } from './token-bytes.js'
import { tokenizerText, type JsonPart, type TokenizerJson } from './tokenizer-json.js'
import type { DecodeOptions, GuardedText, SpecialTokens, StreamDecoder, Tokenizer } from './tokenizer.js'
import { forEachPiece, type VocabularyText } from './vocabulary-text.js'

/** What tokenizer_config.json or GGUF key-values say beside the tokenizer itself. */
export interface TokenizerSettings {
  readonly bosToken?: string | undefined
  readonly eosToken?: string | undefined
  /** Undefined: as the tokenizer's post-processor does. */
  readonly addBos?: boolean | undefined
  readonly addEos?: boolean | undefined
}

/**
 * @param json from `parseTokenizerJson` or `tokenizerJsonFromGguf`
 * @param source names the file in errors
 * @throws TokenizerError when a part of it is not supported
 */
export async function loadTokenizer (
  json: TokenizerJson, settings: TokenizerSettings, source: string
): Promise<Tokenizer> {
  const library = fromText(tokenizerText(json), source)
  const [prefixIds, suffixIds] = await surroundingIds(library, settings).catch((error: Error) => { throw unusable(error, source) })
  return new HfTokenizer(json, library, prefixIds, suffixIds, settings, source)
}

/** Encoding by the `tokenizers` library; decoding by a table of bytes. */
class HfTokenizer implements Tokenizer {
  readonly bosId: number | undefined
  readonly prefixIds: readonly number[]
  readonly suffixIds: readonly number[]
  readonly specials: SpecialTokens
  readonly #library: Library
  readonly #queue = new EncodeQueue()
  readonly #bytes: TokenBytes
  readonly #specialIds: ReadonlySet<number>
  readonly #dropsFirstSpace: boolean
  readonly #guarded: readonly string[]
  readonly #control: RegExp | undefined
  readonly #added: ReadonlyMap<string, AddedToken>
  readonly #controlGuard: Guarder
  /** Knows no guarded tokens. */
  readonly #plain: () => Library
  /** The same for text that continues one. */
  readonly #plainContinued: () => Library

  constructor (
    json: TokenizerJson, library: Library, prefixIds: readonly number[], suffixIds: readonly number[],
    settings: TokenizerSettings, source: string
  ) {
    const decoder = pieceDecoder(json.decoder, source)
    this.#library = library
    this.prefixIds = prefixIds
    this.suffixIds = suffixIds
    this.bosId = settings.bosToken === undefined ? undefined : this.idOf(settings.bosToken)
    this.specials = specialTokens(json.added_tokens)
    this.#guarded = [...this.specials.control, ...this.specials.markup]
    this.#control = matcherOf(this.specials.control)
    this.#controlGuard = new Guarder(this.specials.control)
    this.#bytes = tableOf(json, decoder.bytesOf, source)
    const plain = plainJson(json, this.#guarded)
    this.#plain = this.#guarded.length === 0 ? () => library : builtWhenNeeded(plain, source)
    this.#plainContinued = prependsAtStartOnly(json.pre_tokenizer) ? builtWhenNeeded(withoutPrefix(plain), source) : this.#plain
    this.#added = new Map(json.added_tokens.map(token => [token.content, token]))
    this.#specialIds = new Set(json.added_tokens.filter(token => token.special).map(token => token.id))
    this.#dropsFirstSpace = decoder.dropsFirstSpace
  }

  get vocabSize (): number {
    return this.#bytes.size
  }

  async encode (text: string): Promise<Int32Array> {
    if (this.#control?.test(text) !== true) return await this.#queue.encode(this.#library, text)
    const guard = chooseGuard([text])
    if (guard === undefined) throw new InvalidParameterError('prompt', 'The text uses up every private-use character of Unicode.')
    return await this.encodeRendered({ text: this.#controlGuard.guard(text, guard), guard })
  }

  async encodeWithSpecials (text: string): Promise<Int32Array> {
    return await this.#queue.encode(this.#library, text)
  }

  /**
   * Without look-alikes, the whole text is encoded at once. Otherwise the stretches that hold one
   * are encoded as plain text, each from one meant special token to the next: borders at which the
   * library splits as well.
   */
  async encodeRendered (rendered: GuardedText): Promise<Int32Array> {
    const { text, guard } = rendered
    if (guard === undefined || !text.includes(guard)) return await this.#queue.encode(this.#library, text)
    const encoded: Array<Promise<Int32Array>> = []
    let run = ''
    const flush = (): void => {
      if (run !== '') encoded.push(this.#queue.encode(this.#library, run))
      run = ''
    }
    const parts = splitRendered(rendered, this.#guarded)
    parts.forEach((part, i) => {
      if (part.kind === 'token') {
        run += part.token
      } else if (!part.isGuarded) {
        run += part.text
      } else {
        flush()
        const before = parts[i - 1]
        const after = parts[i + 1]
        encoded.push(this.#queue.encode(i > 0 ? this.#plainContinued() : this.#plain(), this.#strip(part.text,
          before?.kind === 'token' ? before.token : undefined, after?.kind === 'token' ? after.token : undefined)))
      }
    })
    flush()
    return concat(await Promise.all(encoded))
  }

  decode (ids: ArrayLike<number>, options?: DecodeOptions): string {
    const stream = this.streamDecoder(options)
    let text = ''
    for (let i = 0; i < ids.length; i++) text += stream.push(ids[i]!)
    return text + stream.end()
  }

  streamDecoder (options: DecodeOptions = {}): StreamDecoder {
    const keepsSpecials = options.keepSpecials === true
    return new ByteStreamDecoder({
      bytesOf: id => this.#bytes.of(id),
      textOf: id => this.#bytes.textOf(id),
      isSkipped: id => !keepsSpecials && this.#specialIds.has(id),
      dropFirstSpace: this.#dropsFirstSpace && options.continues !== true
    })
  }

  idOf (token: string): number | undefined {
    return this.#library.tokenToId(token) ?? undefined
  }

  tokenBytes (id: number): Uint8Array {
    return this.#bytes.of(id).slice()
  }

  isSpecial (id: number): boolean {
    return this.#specialIds.has(id)
  }

  /** Whitespace that belongs to the special tokens on both sides, as the library gives it to them. */
  #strip (text: string, before: string | undefined, after: string | undefined): string {
    if (before !== undefined && this.#added.get(before)?.rstrip === true) text = text.trimStart()
    if (after !== undefined && this.#added.get(after)?.lstrip === true) text = text.trimEnd()
    return text
  }
}

function fromText (text: string, source: string): Library {
  try {
    return Library.fromString(text)
  } catch (error) {
    throw unusable(error as Error, source)
  }
}

/**
 * Most servers never see a text that needs it, and it takes as much memory as the first one: 60 MB for 150,000 pieces.
 * The price is that building it, some 0.2 s, delays others once.
 */
function builtWhenNeeded (json: TokenizerJson, source: string): () => Library {
  let library: Library | undefined
  let text: Buffer | undefined = Buffer.from(tokenizerText(json))
  return () => {
    library ??= fromText(text!.toString(), source)
    text = undefined
    return library
  }
}

function unusable (error: Error, source: string): TokenizerError {
  return new TokenizerError(`${source} cannot be used: ${error.message}. ` +
    'Check that the file is complete and of a format that the tokenizers library reads.')
}

/** Ids that the post-processor puts around a text, found by trying; explicit settings win. */
async function surroundingIds (
  library: Library, settings: TokenizerSettings
): Promise<[readonly number[], readonly number[]]> {
  const bare = (await library.encode('a', null, { addSpecialTokens: false })).getIds()
  const full = (await library.encode('a', null, { addSpecialTokens: true })).getIds()
  const start = full.findIndex((_, i) => bare.every((id, k) => full[i + k] === id))
  let prefix = start < 0 ? [] : full.slice(0, start)
  let suffix = start < 0 ? [] : full.slice(start + bare.length)
  const bos = settings.bosToken === undefined ? null : library.tokenToId(settings.bosToken)
  const eos = settings.eosToken === undefined ? null : library.tokenToId(settings.eosToken)
  if (bos !== null && settings.addBos === true && prefix[0] !== bos) prefix = [bos, ...prefix]
  if (bos !== null && settings.addBos === false && prefix[0] === bos) prefix = prefix.slice(1)
  if (eos !== null && settings.addEos === true && suffix.at(-1) !== eos) suffix = [...suffix, eos]
  if (eos !== null && settings.addEos === false && suffix.at(-1) === eos) suffix = suffix.slice(0, -1)
  return [prefix, suffix]
}

/** More than any vocabulary has; a table of ids must not take all memory. */
const maxIds = 2 ** 24

/** Added tokens stand for their own text, not for characters of the byte alphabet. */
function tableOf (json: TokenizerJson, bytesOf: (piece: string) => Uint8Array, source: string): TokenBytes {
  const bytes = new TokenBytes()
  const add = (id: number, piece: Uint8Array): void => {
    if (!Number.isInteger(id) || id < 0 || id >= maxIds) throw new TokenizerError(`${source} has ids up to ${id}; at most ${maxIds} ids are supported.`)
    bytes.set(id, piece)
  }
  forEachPiece(json.vocabulary.vocab ?? '', (piece, id) => { add(id, bytesOf(piece)) })
  for (const token of json.added_tokens) add(token.id, utf8(token.content))
  return bytes
}

/** The same tokenizer without the tokens that user text must not be able to write. */
function plainJson (json: TokenizerJson, guarded: readonly string[]): TokenizerJson {
  const hidden = new Set(guarded)
  const kept = json.added_tokens.filter(token => !hidden.has(token.content))
  return { ...json, added_tokens: kept, vocabulary: withPieces(json.vocabulary, kept), post_processor: null }
}

/** The library numbers added tokens itself, in order, unless it finds them in the model's vocabulary. */
function withPieces (vocabulary: VocabularyText, kept: readonly AddedToken[]): VocabularyText {
  const { vocab, merges } = vocabulary
  if (vocab === undefined || kept.length === 0) return vocabulary
  // Of equal members the last counts: the vocabulary's own.
  const pieces = kept.map(({ content, id }) => `${JSON.stringify(content)}:${id}`)
  const rest = vocab.slice(vocab.indexOf('{') + 1)
  return { vocab: `{${pieces.join(',')}${/^\s*}/.test(rest) ? '' : ','}${rest}`, merges }
}

/** Whether only a text's first stretch gets SentencePiece's leading space. */
function prependsAtStartOnly (preTokenizer: JsonPart | null): boolean {
  return metaspaces(preTokenizer).some(part => part.prepend_scheme === 'first')
}

function metaspaces (part: JsonPart | null): readonly JsonPart[] {
  if (part === null) return []
  if (part.type === 'Sequence' && Array.isArray(part.pretokenizers)) {
    return (part.pretokenizers as JsonPart[]).flatMap(metaspaces)
  }
  return part.type === 'Metaspace' ? [part] : []
}

function withoutPrefix (json: TokenizerJson): TokenizerJson {
  const change = (part: JsonPart): JsonPart => {
    if (part.type === 'Metaspace') return { ...part, prepend_scheme: 'never' }
    return Array.isArray(part.pretokenizers) ? { ...part, pretokenizers: (part.pretokenizers as JsonPart[]).map(change) } : part
  }
  return json.pre_tokenizer === null ? json : { ...json, pre_tokenizer: change(json.pre_tokenizer) }
}

function concat (arrays: readonly Int32Array[]): Int32Array {
  const joined = new Int32Array(arrays.reduce((sum, array) => sum + array.length, 0))
  let at = 0
  for (const array of arrays) {
    joined.set(array, at)
    at += array.length
  }
  return joined
}
