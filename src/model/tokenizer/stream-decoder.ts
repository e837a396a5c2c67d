import type { StreamDecoder } from './tokenizer.js'

/** What decoding needs to know of a tokenizer. */
export interface DecodingTable {
  bytesOf (id: number): Uint8Array
  isSkipped (id: number): boolean
  readonly dropFirstSpace: boolean
}

const space = 0x20

/** Tokens are bytes, so streaming is UTF-8 decoding that waits for the rest of a character. */
export class ByteStreamDecoder implements StreamDecoder {
  readonly #table: DecodingTable
  // ignoreBOM keeps U+FEFF: it is text like any other.
  readonly #utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
  #isAtStart = true

  constructor (table: DecodingTable) {
    this.#table = table
  }

  push (id: number): string {
    if (this.#table.isSkipped(id)) return ''
    let bytes = this.#table.bytesOf(id)
    if (this.#isAtStart && bytes.length > 0) {
      this.#isAtStart = false
      if (this.#table.dropFirstSpace && bytes[0] === space) bytes = bytes.subarray(1)
    }
    return this.#utf8.decode(bytes, { stream: true })
  }

  end (): string {
    return this.#utf8.decode()
  }
}
