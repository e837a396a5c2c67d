// Encoders from float32 to the stored types. All work on whole arrays of whole blocks.

import { encodeQ4K, encodeQ6K } from './encode-k.mjs'
import { toBf16, toF16 } from './half.mjs'

/** Values in a block of the older types, and the step at which random runs can be cut. */
export const BLOCK = 32

/**
 * Stored types: values and bytes of a block, the name safetensors gives the type (none: GGUF only) and its GGML number.
 * @typedef {{
 *   blockValues: number, blockBytes: number, ggmlType: number, safetensors?: string, torch?: string,
 *   encode: (values: Float32Array) => Uint8Array
 * }} StoredType
 */
export const types = {
  f32: { blockValues: BLOCK, blockBytes: 128, safetensors: 'F32', torch: 'float32', ggmlType: 0, encode: encodeF32 },
  f16: { blockValues: BLOCK, blockBytes: 64, safetensors: 'F16', torch: 'float16', ggmlType: 1, encode: encodeF16 },
  bf16: { blockValues: BLOCK, blockBytes: 64, safetensors: 'BF16', torch: 'bfloat16', ggmlType: 30, encode: encodeBf16 },
  q4_0: { blockValues: BLOCK, blockBytes: 18, ggmlType: 2, encode: encodeQ4 },
  q8_0: { blockValues: BLOCK, blockBytes: 34, ggmlType: 8, encode: encodeQ8 },
  q4_k: { blockValues: 256, blockBytes: 144, ggmlType: 12, encode: encodeQ4K },
  q6_k: { blockValues: 256, blockBytes: 210, ggmlType: 14, encode: encodeQ6K }
}

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

/**
 * ggml's reference quantiser: the scale, a half, takes the value of largest magnitude to -8; a nibble is 8 more than the
 * rounded quotient. Byte i of a block holds values i (low) and i + 16 (high).
 * @param {Float32Array} values
 */
function encodeQ4 (values) {
  const blocks = values.length / BLOCK
  const out = new Uint8Array(blocks * 18)
  const view = new DataView(out.buffer)
  for (let block = 0; block < blocks; block++) {
    let extreme = 0
    for (let i = 0; i < BLOCK; i++) {
      const value = values[block * BLOCK + i]
      if (Math.abs(value) > Math.abs(extreme)) extreme = value
    }
    const scale = Math.fround(extreme / -8)
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale)
    view.setUint16(block * 18, toF16(scale), true)
    const nibble = (/** @type {number} */ i) =>
      Math.min(15, Math.floor(Math.fround(Math.fround(values[block * BLOCK + i] * inverse) + 8.5)))
    for (let i = 0; i < 16; i++) out[block * 18 + 2 + i] = nibble(i) | nibble(i + 16) << 4
  }
  return out
}
