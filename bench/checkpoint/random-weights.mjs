// Random weights at the speed of the disk.
//
// A pool of 2^20 normal samples (sigma 0.02) is made once from the seed and encoded once in the stored type. A row is made
// of runs of 512 values (fewer in a short row, which has two runs at least), each a copy from the pool; where it starts is
// a hash of the seed, the tensor's Hugging Face name, the row and the run. So a value depends neither on the format nor,
// before rounding, on the stored type, and rows differ; but the same 2^20 numbers come back again and again, which is
// good enough to measure speed and useless to study statistics.

import { BLOCK } from './encode.mjs'

/** @typedef {import('./encode.mjs').StoredType} StoredType */

const POOL_BLOCKS = 1 << 15
const MOST_RUN_BLOCKS = 16
const SIGMA = 0.02

/**
 * A 32-bit generator (mulberry32). Returns numbers in [0, 1).
 * @param {number} seed
 */
function uniform (seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let z = Math.imul(state ^ (state >>> 15), state | 1)
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61)
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32
  }
}

/**
 * The pool as float32: (POOL_BLOCKS * BLOCK,). Box and Muller, Ann. Math. Statist. 29 (1958).
 * @param {number} seed
 */
function normalPool (seed) {
  const next = uniform(seed)
  const values = new Float32Array(POOL_BLOCKS * BLOCK)
  for (let i = 0; i < values.length; i += 2) {
    const radius = SIGMA * Math.sqrt(-2 * Math.log(1 - next()))
    const angle = 2 * Math.PI * next()
    values[i] = radius * Math.cos(angle)
    values[i + 1] = radius * Math.sin(angle)
  }
  return values
}

/** @param {number} value */
function mix (value) {
  let z = value | 0
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b)
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
  return (z ^ (z >>> 16)) >>> 0
}

/**
 * @param {number} seed
 * @param {string} text
 */
function hashText (seed, text) {
  let hash = seed ^ 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return mix(hash)
}

/**
 * Makes writers of rows. The pool is drawn once, and encoded once for each stored type.
 * @param {number} seed
 */
export function randomWeights (seed) {
  const pool = normalPool(seed)
  /** @type {Map<StoredType, Uint8Array>} */
  const encoded = new Map()
  const encodedAs = (/** @type {StoredType} */ type) => {
    const bytes = encoded.get(type) ?? type.encode(pool)
    encoded.set(type, bytes)
    return bytes
  }
  /**
   * Returns a function that writes one row of `cols` values at `at` of `out`.
   * @param {string} name the tensor's Hugging Face name
   * @param {StoredType} type
   * @param {number} cols
   * @returns {(out: Uint8Array, at: number, row: number) => void} `row` is the Hugging Face row
   */
  return function rowsOf (name, type, cols) {
    const tensorKey = hashText(seed, name)
    if (type.blockValues === BLOCK) {
      const source = encodedAs(type)
      return (out, at, row) => { copyRuns(source, type.blockBytes, out, at, mix(tensorKey + row), cols / BLOCK) }
    }
    // A run may begin inside a larger block: such rows are put together in F32.
    const values = new Float32Array(cols)
    const bytes = new Uint8Array(values.buffer)
    const source = new Uint8Array(pool.buffer)
    return (out, at, row) => {
      copyRuns(source, BLOCK * 4, bytes, 0, mix(tensorKey + row), cols / BLOCK)
      out.set(type.encode(values), at)
    }
  }
}

/**
 * @param {Uint8Array} source the pool
 * @param {number} blockBytes of 32 values in it
 * @param {Uint8Array} out
 * @param {number} at
 * @param {number} key of the row
 * @param {number} blocks
 */
function copyRuns (source, blockBytes, out, at, key, blocks) {
  const step = Math.max(1, Math.min(MOST_RUN_BLOCKS, blocks >> 1))
  for (let done = 0; done < blocks; done += step) {
    const run = Math.min(step, blocks - done)
    const start = mix(key + done) % (POOL_BLOCKS - MOST_RUN_BLOCKS)
    out.set(source.subarray(start * blockBytes, (start + run) * blockBytes), at + done * blockBytes)
  }
}
