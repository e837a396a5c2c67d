import type { StreamDecoder } from './tokenizer.js'

/** What decoding needs to know of a tokenizer. */
export interface DecodingTable {
  bytesOf (id: number): Uint8Array
  /** The same as text, when it is whole characters. */
  textOf (id: number): string | undefined
  isSkipped (id: number): boolean
  readonly dropFirstSpace: boolean
}

const space = 0x20

/**
 * Tokens are bytes, so streaming is UTF-8 decoding that waits for the rest of a character. Most tokens are whole
 * characters between others: their text is known.
 */
export class ByteStreamDecoder implements StreamDecoder {
  readonly #table: DecodingTable
  // ignoreBOM keeps U+FEFF: it is text like any other.
  readonly #utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
  #isAtStart = true
  /** Whether bytes of an unfinished character may be waiting in `#utf8`. */
  #isWithin = false

  constructor (table: DecodingTable) {
    this.#table = table
  }

  push (id: number): string {
    if (this.#table.isSkipped(id)) return ''
    if (!this.#isWithin && !this.#isAtStart) {
      const text = this.#table.textOf(id)
      if (text !== undefined) return text
    }
    let bytes = this.#table.bytesOf(id)
    if (bytes.length === 0) return ''
    if (this.#isAtStart) {
      this.#isAtStart = false
      if (this.#table.dropFirstSpace && bytes[0] === space) bytes = bytes.subarray(1)
    }
    this.#isWithin = !endsWithCharacter(bytes)
    return this.#utf8.decode(bytes, { stream: true })
  }

  end (): string {
    return this.#utf8.decode()
  }
}

/** True only when a character or an error ends with the last byte, whatever stood before. */
function endsWithCharacter (bytes: Uint8Array): boolean {
  let lead = bytes.length - 1
  while (lead >= 0 && bytes.length - lead <= 3 && (bytes[lead]! & 0xC0) === 0x80) lead--
  if (lead < 0) return false
  const first = bytes[lead]!
  const missing = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : first >= 0xC0 ? 1 : 0
  return bytes.length - 1 - lead >= missing
}
