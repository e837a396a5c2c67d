// The K-quants of ggml: super-blocks of 256 values whose sub-blocks have scales of 6 or 8 bits.
//
// Each sub-block is quantised over the range of its values, and nothing is searched for: llama.cpp's own quantiser, which
// minimises a weighted error, gets a little closer to the weights. The bytes read and the work are the same.

import { toF16 } from './half.mjs'

const SUPER = 256

/**
 * Q4_K, 144 bytes: halves d and dmin, 8 pairs of 6-bit (scale, min) in 12 bytes, 256 nibbles. Sub-block j of 32 values
 * holds d * scale[j] * nibble - dmin * min[j].
 * @param {Float32Array} values
 */
export function encodeQ4K (values) {
  const supers = values.length / SUPER
  const out = new Uint8Array(supers * 144)
  const view = new DataView(out.buffer)
  const steps = new Float64Array(8)
  const lows = new Float64Array(8)
  for (let block = 0; block < supers; block++) {
    const from = block * SUPER
    const at = block * 144
    for (let j = 0; j < 8; j++) {
      let least = 0
      let most = 0
      for (let i = 0; i < 32; i++) {
        const value = values[from + j * 32 + i]
        least = Math.min(least, value)
        most = Math.max(most, value)
      }
      steps[j] = (most - least) / 15
      lows[j] = -least
    }
    const d = rounded(Math.max(...steps) / 63)
    const dmin = rounded(Math.max(...lows) / 63)
    view.setUint16(at, d.bits, true)
    view.setUint16(at + 2, dmin.bits, true)
    for (let j = 0; j < 8; j++) {
      const scale = Math.min(63, ratio(steps[j], d.value))
      const min = Math.min(63, ratio(lows[j], dmin.value))
      writeScaleAndMin(out, at + 4, j, scale, min)
      const step = d.value * scale
      const low = dmin.value * min
      for (let i = 0; i < 32; i++) {
        const nibble = step === 0 ? 0 : Math.max(0, Math.min(15, Math.round((values[from + j * 32 + i] + low) / step)))
        // Two sub-blocks share 32 bytes: the even one has the low nibbles.
        out[at + 16 + (j >> 1) * 32 + i] |= nibble << (j & 1) * 4
      }
    }
  }
  return out
}

/**
 * Pairs 0 to 3 lie in the low 6 bits of bytes j and j + 4; pairs 4 to 7 in bytes j + 4 (low four bits of both) and in the
 * two bits left over.
 * @param {Uint8Array} out
 * @param {number} at
 * @param {number} j
 * @param {number} scale
 * @param {number} min
 */
function writeScaleAndMin (out, at, j, scale, min) {
  if (j < 4) {
    out[at + j] |= scale
    out[at + j + 4] |= min
    return
  }
  out[at + j + 4] = (scale & 15) | (min & 15) << 4
  out[at + j - 4] |= scale >> 4 << 6
  out[at + j] |= min >> 4 << 6
}

/**
 * Q6_K, 210 bytes: 128 bytes of low nibbles, 64 of high pairs of bits, 16 signed scales, a half d. Sub-block j of 16
 * values holds d * scale[j] * (q - 32).
 * @param {Float32Array} values
 */
export function encodeQ6K (values) {
  const supers = values.length / SUPER
  const out = new Uint8Array(supers * 210)
  const view = new DataView(out.buffer)
  const steps = new Float64Array(16)
  for (let block = 0; block < supers; block++) {
    const from = block * SUPER
    const at = block * 210
    for (let j = 0; j < 16; j++) {
      let most = 0
      for (let i = 0; i < 16; i++) most = Math.max(most, Math.abs(values[from + j * 16 + i]))
      steps[j] = most / 31
    }
    const d = rounded(Math.max(...steps) / 127)
    view.setUint16(at + 208, d.bits, true)
    for (let j = 0; j < 16; j++) {
      const scale = Math.min(127, ratio(steps[j], d.value))
      view.setInt8(at + 192 + j, scale)
      const step = d.value * scale
      for (let i = 0; i < 16; i++) {
        const value = values[from + j * 16 + i]
        const q = step === 0 ? 32 : Math.max(0, Math.min(63, Math.round(value / step) + 32))
        writeSixBits(out, at, j * 16 + i, q)
      }
    }
  }
  return out
}

/**
 * Each half of 128 values has 64 bytes of nibbles and 32 of pairs: value i of a half is in byte i % 64, low nibble for
 * i < 64, and in byte i % 32, pair i / 32.
 * @param {Uint8Array} out
 * @param {number} at
 * @param {number} index
 * @param {number} q
 */
function writeSixBits (out, at, index, q) {
  const half = index >> 7
  const i = index & 127
  out[at + half * 64 + (i & 63)] |= (q & 15) << (i >> 6) * 4
  out[at + 128 + half * 32 + (i & 31)] |= q >> 4 << (i >> 5) * 2
}

/**
 * The nearest half, and its value. Never below the smallest normal half: sigma 0.02 keeps scales far above.
 * @param {number} value not negative
 */
function rounded (value) {
  const bits = toF16(value)
  const exponent = bits >> 10
  return { bits, value: exponent === 0 ? (bits & 1023) * 2 ** -24 : 2 ** (exponent - 15) * (1 + (bits & 1023) / 1024) }
}

/** @type {(value: number, unit: number) => number} */
function ratio (value, unit) {
  return unit === 0 ? 0 : Math.round(value / unit)
}
