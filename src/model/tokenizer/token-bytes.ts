import { TokenizerError } from '../errors.js'
import type { JsonPart } from './tokenizer-json.js'

/** The bytes of every token, one after another. */
export class TokenBytes {
  /** Of token i: [starts[i], ends[i]), both 0 where it is not in use. */
  #starts = new Uint32Array(4096)
  #ends = new Uint32Array(4096)
  #bytes = new Uint8Array(64 * 1024)
  #numBytes = 0
  #size = 0
  /** By id, filled as they are asked for; null: no whole characters. */
  readonly #texts: Array<string | null> = []

  /** One more than the largest id. */
  get size (): number {
    return this.#size
  }

  set (id: number, bytes: Uint8Array): void {
    if (id >= this.#starts.length) {
      const length = Math.max(id + 1, 2 * this.#starts.length)
      this.#starts = grown(this.#starts, new Uint32Array(length))
      this.#ends = grown(this.#ends, new Uint32Array(length))
    }
    const end = this.#numBytes + bytes.length
    if (end > this.#bytes.length) this.#bytes = grown(this.#bytes, new Uint8Array(2 * end))
    this.#bytes.set(bytes, this.#numBytes)
    this.#starts[id] = this.#numBytes
    this.#ends[id] = this.#numBytes = end
    this.#size = Math.max(this.#size, id + 1)
  }

  /** A view; empty for ids that are not in use or past the end. */
  of (id: number): Uint8Array {
    return this.#bytes.subarray(this.#starts[id] ?? 0, this.#ends[id] ?? 0)
  }

  /** The text of a token that is whole characters; undefined for one that is not. */
  textOf (id: number): string | undefined {
    return (this.#texts[id] ??= tryDecode(this.of(id))) ?? undefined
  }
}

const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function tryDecode (bytes: Uint8Array): string | null {
  try {
    return strictDecoder.decode(bytes)
  } catch {
    return null
  }
}

function grown<T extends Uint8Array | Uint32Array> (old: T, larger: T): T {
  larger.set(old)
  return larger
}

/** How a tokenizer's decoder turns one token's text into bytes. */
export interface PieceDecoder {
  readonly bytesOf: (piece: string) => Uint8Array
  /** One space at the very start of a text is not part of it. */
  readonly dropsFirstSpace: boolean
}

/**
 * Reads the "decoder" of tokenizer.json: byte-level BPE, or SentencePiece's with byte tokens.
 *
 * @throws TokenizerError for decoders that do not map tokens to bytes one by one
 */
export function pieceDecoder (decoder: JsonPart | null, source: string): PieceDecoder {
  const steps = flatten(decoder)
  const replacements: Array<readonly [string, string]> = []
  let isByteLevel = false
  let hasByteTokens = false
  let dropsFirstSpace = false
  for (const step of steps) {
    if (step.type === 'ByteLevel') isByteLevel = true
    else if (step.type === 'ByteFallback') hasByteTokens = true
    else if (step.type === 'Fuse') continue
    else if (step.type === 'Replace') replacements.push(replacement(step, source))
    else if (step.type === 'Strip' && step.content === ' ' && step.stop === 0 && Number(step.start) <= 1) {
      dropsFirstSpace ||= step.start === 1
    } else if (step.type === 'Metaspace') {
      replacements.push([typeof step.replacement === 'string' ? step.replacement : '▁', ' '])
      dropsFirstSpace ||= step.prepend_scheme !== 'never' && step.add_prefix_space !== false
    } else throw unsupportedDecoder(step, source)
  }
  if (steps.length === 0 || (isByteLevel && (hasByteTokens || replacements.length > 0))) {
    throw unsupportedDecoder(decoder, source)
  }
  const bytesOf = isByteLevel ? byteLevelBytes : (piece: string) => pieceBytes(piece, replacements, hasByteTokens)
  return { bytesOf, dropsFirstSpace }
}

function flatten (decoder: JsonPart | null): readonly JsonPart[] {
  if (decoder === null) return []
  if (decoder.type !== 'Sequence' || !Array.isArray(decoder.decoders)) return [decoder]
  return (decoder.decoders as JsonPart[]).flatMap(flatten)
}

function replacement (step: JsonPart, source: string): readonly [string, string] {
  const pattern = (step.pattern as { String?: unknown } | undefined)?.String
  if (typeof pattern !== 'string' || typeof step.content !== 'string') throw unsupportedDecoder(step, source)
  return [pattern, step.content]
}

function unsupportedDecoder (decoder: JsonPart | null, source: string): TokenizerError {
  return new TokenizerError(`${source}: the decoder ${JSON.stringify(decoder)} is not supported. Supported: ByteLevel, ` +
    'Metaspace, and sequences of Replace, ByteFallback, Fuse and Strip as SentencePiece models have.')
}

const encoder = new TextEncoder()

/** The bytes of a token that is taken as it is written. */
export function utf8 (text: string): Uint8Array {
  return encoder.encode(text)
}

function pieceBytes (
  piece: string, replacements: ReadonlyArray<readonly [string, string]>, hasByteTokens: boolean
): Uint8Array {
  const byte = hasByteTokens ? /^<0x([0-9A-Fa-f]{2})>$/.exec(piece)?.[1] : undefined
  if (byte !== undefined) return Uint8Array.of(Number.parseInt(byte, 16))
  return utf8(replacements.reduce((text, [from, to]) => text.replaceAll(from, to), piece))
}

/**
 * GPT-2's alphabet: printable Latin-1 characters stand for themselves, the other bytes for the
 * characters from U+0100 on, in order.
 */
export const byteAlphabet: ReadonlyMap<string, number> = makeByteAlphabet()

function makeByteAlphabet (): Map<string, number> {
  const alphabet = new Map<string, number>()
  let next = 0x100
  for (let byte = 0; byte < 256; byte++) {
    const isPrintable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE
    alphabet.set(String.fromCharCode(isPrintable ? byte : next++), byte)
  }
  return alphabet
}

/** By character; 256 where it is none of the alphabet. */
const alphabetBytes = Uint16Array.from({ length: 0x200 }, (_, code) => byteAlphabet.get(String.fromCharCode(code)) ?? 256)

/** A piece with a character outside the alphabet is no byte-level piece; it stands for itself. */
function byteLevelBytes (piece: string): Uint8Array {
  const bytes = new Uint8Array(piece.length)
  for (let i = 0; i < piece.length; i++) {
    const byte = alphabetBytes[piece.charCodeAt(i)] ?? 256
    if (byte === 256) return utf8(piece)
    bytes[i] = byte
  }
  return bytes
}
