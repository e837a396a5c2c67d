// Streams tensors to disk through one buffer.

import { closeSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'

const BUFFER_BYTES = 8 * 2 ** 20

/**
 * Writes a head and its tensors, each padded to its `paddedBytes`. Tensors without `data` are drawn at random.
 * @typedef {import('./safetensors.mjs').Item & {
 *   paddedBytes: number, type: import('./encode.mjs').StoredType, data?: Uint8Array
 * }} Item
 * @param {string} path
 * @param {{ head: Uint8Array, items: Item[] }} plan
 * @param {{
 *   rowsOf: ReturnType<typeof import('./random-weights.mjs').randomWeights>,
 *   permute: boolean, shown: ReturnType<typeof progress>
 * }} how `permute`: put Q and K rows of a llama model in GGUF's order
 */
export function writeTensors (path, plan, how) {
  const file = bufferedFile(path)
  try {
    file.write(plan.head)
    for (const item of plan.items) {
      if (item.data !== undefined) file.write(item.data)
      else writeMatrix(file, item, how)
      file.write(new Uint8Array(item.paddedBytes - item.bytes))
    }
    file.finish()
  } catch (error) {
    file.abandon()
    throw error
  }
}

/**
 * @param {ReturnType<typeof bufferedFile>} file
 * @param {Item} item
 * @param {Parameters<typeof writeTensors>[2]} how
 */
function writeMatrix (file, { weight, type, bytes }, { rowsOf, permute, shown }) {
  const rowBytes = bytes / weight.rows
  const fillRow = rowsOf(weight.name, type, weight.cols)
  for (let row = 0; row < weight.rows; row++) {
    const at = file.reserve(rowBytes)
    fillRow(file.buffer, at, permute && weight.permutedHeads > 0 ? sourceRow(weight, row) : row)
    shown.add(rowBytes)
  }
}

/**
 * The row of the Hugging Face tensor that stands at `row` of the GGUF one: llama.cpp rotates neighbours (2i, 2i + 1) of a
 * head where Hugging Face rotates (i, i + headDim / 2).
 * @param {import('./shapes.mjs').Weight} weight
 * @param {number} row
 */
function sourceRow (weight, row) {
  const headDim = weight.rows / weight.permutedHeads
  const inHead = row % headDim
  return row - inHead + (inHead % 2) * headDim / 2 + (inHead >> 1)
}

/**
 * A file written through one buffer, under a temporary name until it is whole.
 * @param {string} path
 */
function bufferedFile (path) {
  const partial = `${path}.partial`
  const descriptor = openSync(partial, 'w')
  const buffer = new Uint8Array(BUFFER_BYTES)
  let used = 0
  const flush = () => {
    for (let at = 0; at < used;) at += writeSync(descriptor, buffer, at, used - at)
    used = 0
  }
  return {
    /** Room for `size` bytes, at most BUFFER_BYTES: where they go in `buffer`. */
    reserve (/** @type {number} */ size) {
      if (used + size > buffer.length) flush()
      used += size
      return used - size
    },
    buffer,
    write (/** @type {Uint8Array} */ bytes) {
      for (let at = 0; at < bytes.length; at += BUFFER_BYTES) {
        const part = bytes.subarray(at, at + BUFFER_BYTES)
        const to = this.reserve(part.length)
        buffer.set(part, to)
      }
    },
    finish () {
      flush()
      closeSync(descriptor)
      renameSync(partial, path)
    },
    abandon () {
      closeSync(descriptor)
      rmSync(partial, { force: true })
    }
  }
}

/**
 * Shows a line that rewrites itself on a terminal, and one line every ten seconds elsewhere.
 * @param {number} totalBytes
 */
export function progress (totalBytes) {
  const started = performance.now()
  const every = process.stderr.isTTY ? 100 : 10_000
  let shownAt = started
  let done = 0
  const line = () => {
    const sec = (performance.now() - started) / 1000
    return `${(done / 2 ** 20).toFixed(0)} of ${(totalBytes / 2 ** 20).toFixed(0)} MiB, ${sec.toFixed(1)} s`
  }
  return {
    add (/** @type {number} */ bytes) {
      done += bytes
      if (performance.now() - shownAt < every) return
      shownAt = performance.now()
      process.stderr.write(process.stderr.isTTY ? `\r${line()}` : `${line()}\n`)
    },
    end: () => process.stderr.write(`${process.stderr.isTTY ? '\r' : ''}${line()}\n`)
  }
}
