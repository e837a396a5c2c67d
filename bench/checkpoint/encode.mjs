// Encoders from float32 to the stored types. All work on whole arrays; lengths are multiples of 32.

/** Values in a Q8_0 block, and the step at which every stored type can be cut. */
export const BLOCK = 32

/**
 * Stored types: bytes of one block of 32 values, the name safetensors gives the type (none: GGUF only), its GGML type
 * number, and general.file_type of a GGUF file made of it.
 */
export const dtypes = {
  f32: { blockBytes: 128, safetensors: 'F32', torch: 'float32', ggmlType: 0, fileType: 0, encode: encodeF32 },
  f16: { blockBytes: 64, safetensors: 'F16', torch: 'float16', ggmlType: 1, fileType: 1, encode: encodeF16 },
  bf16: { blockBytes: 64, safetensors: 'BF16', torch: 'bfloat16', ggmlType: 30, fileType: 32, encode: encodeBf16 },
  q8_0: { blockBytes: 34, safetensors: undefined, torch: undefined, ggmlType: 8, fileType: 7, encode: encodeQ8 }
}

/** @typedef {keyof typeof dtypes} DtypeName */

/** @param {Float32Array} values */
function encodeF32 (values) {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
}

/** @param {Float32Array} values */
function encodeF16 (values) {
  return new Uint8Array(Uint16Array.from(values, toF16).buffer)
}

/** @param {Float32Array} values */
function encodeBf16 (values) {
  return new Uint8Array(Uint16Array.from(values, toBf16).buffer)
}

const scratch = new Float32Array(1)
const scratchBits = new Uint32Array(scratch.buffer)

/**
 * The bits of the nearest bfloat16, ties to even. Finite values only.
 * @param {number} value
 */
export function toBf16 (value) {
  scratch[0] = value
  const bits = scratchBits[0]
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16
}

/**
 * The bits of the nearest IEEE half, ties to even. Finite values below 65520 only.
 * @param {number} value
 */
export function toF16 (value) {
  scratch[0] = value
  const bits = scratchBits[0]
  const sign = (bits >>> 16) & 0x8000
  const magnitude = Math.abs(scratch[0])
  // Below 2^-14 a half is a multiple of 2^-24.
  if (magnitude < 2 ** -14) return sign | roundToEven(magnitude * 2 ** 24)
  const rebased = (bits & 0x7fffffff) - (112 << 23)
  return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13)
}

/** @param {number} value not negative */
function roundToEven (value) {
  const floor = Math.floor(value)
  const rest = value - floor
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor
}

/**
 * ggml's reference quantiser: a scale of max/127 as a half, then 32 signed bytes, halves rounded away from zero.
 * @param {Float32Array} values
 */
function encodeQ8 (values) {
  const blocks = values.length / BLOCK
  const out = new Uint8Array(blocks * 34)
  const view = new DataView(out.buffer)
  for (let block = 0; block < blocks; block++) {
    let most = 0
    for (let i = 0; i < BLOCK; i++) most = Math.max(most, Math.abs(values[block * BLOCK + i]))
    const scale = Math.fround(most / 127)
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale)
    view.setUint16(block * 34, toF16(scale), true)
    for (let i = 0; i < BLOCK; i++) {
      const scaled = Math.fround(values[block * BLOCK + i] * inverse)
      view.setInt8(block * 34 + 2 + i, Math.sign(scaled) * Math.floor(Math.abs(scaled) + 0.5))
    }
  }
  return out
}
