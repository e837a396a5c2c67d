import { MillraceError } from '../core/errors.js'

/** What was saved of something learnt cannot be used: damaged, of another kind or of another version. */
export class ProfilerStateError extends MillraceError {
  constructor (kind: string, problem: string) {
    super('ERR_PROFILER_STATE', 500, `The saved state of the ${kind} is not usable: ${problem}. Delete it to learn anew.`)
  }
}

const magic = 0x534c524d // "MRLS"
const headerBytes = 16
const utf8 = { encoder: new TextEncoder(), decoder: new TextDecoder() }

/**
 * Numbers and texts as bytes, little-endian, behind a header: magic, kind and version (hashed together),
 * length and CRC-32 of what follows.
 */
export class StateWriter {
  #bytes = new Uint8Array(256)
  #view = new DataView(this.#bytes.buffer)
  #length = headerBytes

  uint32 (value: number): void {
    const at = this.#grow(4)
    this.#view.setUint32(at, value, true)
  }

  float64 (value: number): void {
    const at = this.#grow(8)
    this.#view.setFloat64(at, value, true)
  }

  /** Without its length: the reader knows it. */
  float32s (values: Float32Array): void {
    let at = this.#grow(4 * values.length)
    for (let i = 0; i < values.length; i++, at += 4) this.#view.setFloat32(at, values[i]!, true)
  }

  float64s (values: Float64Array): void {
    for (let i = 0; i < values.length; i++) this.float64(values[i]!)
  }

  text (value: string): void {
    this.bytes(utf8.encoder.encode(value))
  }

  bytes (value: Uint8Array): void {
    this.uint32(value.length)
    const at = this.#grow(value.length)
    this.#bytes.set(value, at)
  }

  /** @param layout kind and version, as the reader expects them */
  finish (layout: string): Uint8Array {
    const body = this.#bytes.subarray(headerBytes, this.#length)
    this.#view.setUint32(0, magic, true)
    this.#view.setUint32(4, crc32(utf8.encoder.encode(layout)), true)
    this.#view.setUint32(8, body.length, true)
    this.#view.setUint32(12, crc32(body), true)
    return this.#bytes.slice(0, this.#length)
  }

  /** Returns where the new bytes begin. It may replace the array: ask first, then write. */
  #grow (count: number): number {
    const at = this.#length
    this.#length += count
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#length, 2 * this.#bytes.length))
      larger.set(this.#bytes)
      this.#bytes = larger
      this.#view = new DataView(larger.buffer)
    }
    return at
  }
}

/** Reads what a `StateWriter` wrote, in the same order. Whatever the bytes are, it gives finite numbers or throws. */
export class StateReader {
  readonly #kind: string
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = headerBytes

  /**
   * @param kind for people: 'length predictor'
   * @throws ProfilerStateError unless the bytes are whole and of this layout
   */
  constructor (kind: string, layout: string, bytes: Uint8Array) {
    this.#kind = kind
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    if (bytes.length < headerBytes || this.#view.getUint32(0, true) !== magic) throw this.error('it does not begin as such a state does')
    if (this.#view.getUint32(4, true) !== crc32(utf8.encoder.encode(layout))) throw this.error('it was written by another version, or is something else\'s')
    const length = this.#view.getUint32(8, true)
    if (bytes.length !== headerBytes + length) throw this.error(`it has ${bytes.length} bytes, but says that it has ${headerBytes + length}`)
    if (this.#view.getUint32(12, true) !== crc32(bytes.subarray(headerBytes))) throw this.error('its checksum is wrong, so it is damaged')
  }

  uint32 (): number {
    return this.#view.getUint32(this.#take(4), true)
  }

  float64 (): number {
    return this.#finite(this.#view.getFloat64(this.#take(8), true))
  }

  float32s (into: Float32Array): void {
    let at = this.#take(4 * into.length)
    for (let i = 0; i < into.length; i++, at += 4) into[i] = this.#finite(this.#view.getFloat32(at, true))
  }

  float64s (into: Float64Array): void {
    for (let i = 0; i < into.length; i++) into[i] = this.float64()
  }

  text (): string {
    return utf8.decoder.decode(this.bytes())
  }

  bytes (): Uint8Array {
    const length = this.uint32()
    const at = this.#take(length)
    return this.#bytes.subarray(at, at + length)
  }

  /** Once all was read. */
  end (): void {
    if (this.#at !== this.#bytes.length) throw this.error(`${this.#bytes.length - this.#at} bytes are left over`)
  }

  error (problem: string): ProfilerStateError {
    return new ProfilerStateError(this.#kind, problem)
  }

  #take (count: number): number {
    const at = this.#at
    if (at + count > this.#bytes.length) throw this.error('it ends too early')
    this.#at = at + count
    return at
  }

  #finite (value: number): number {
    if (!Number.isFinite(value)) throw this.error(`it holds ${value} where a number must be`)
    return value
  }
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >>> 1 ^ 0xedb88320 : crc >>> 1
  return crc
})

/** That of zip and PNG. */
function crc32 (bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (let i = 0; i < bytes.length; i++) crc = crc >>> 8 ^ crcTable[(crc ^ bytes[i]!) & 255]!
  return ~crc >>> 0
}
