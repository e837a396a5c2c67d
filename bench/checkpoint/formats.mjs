// Which stored type each matrix of a checkpoint has.

import { types } from './encode.mjs'

/** @typedef {import('./shapes.mjs').Weight} Weight */
/** @typedef {import('./shapes.mjs').Shape} Shape */
/** @typedef {import('./encode.mjs').StoredType} StoredType */

/**
 * `fileType` is general.file_type of a GGUF. Formats with one type in all matrices, and two mixtures that llama.cpp's
 * quantiser writes: with q4_0 and q4_k_m the matrix that makes the logits (the embedding, when tied) is Q6_K.
 * @typedef {{ fileType: number, typeOf: (weight: Weight, shape: Shape) => StoredType }} Format
 */
export const formats = {
  f32: uniform(types.f32, 0),
  f16: uniform(types.f16, 1),
  bf16: uniform(types.bf16, 32),
  q8_0: uniform(types.q8_0, 7),
  'q4_0-pure': uniform(types.q4_0, 2),
  q4_0: { fileType: 2, typeOf: (weight, shape) => makesLogits(weight, shape) ? types.q6_k : types.q4_0 },
  q6_k: uniform(types.q6_k, 18),
  q4_k: uniform(types.q4_k, 14),
  q4_k_m: { fileType: 15, typeOf: (weight, shape) => usesSixBits(weight, shape) ? types.q6_k : types.q4_k }
}

/** @typedef {keyof typeof formats} FormatName */

/** @type {(type: StoredType, fileType: number) => Format} */
function uniform (type, fileType) {
  return { fileType, typeOf: () => type }
}

/** @type {(weight: Weight, shape: Shape) => boolean} */
function makesLogits ({ ggufName }, { tied }) {
  return ggufName === (tied ? 'token_embd.weight' : 'output.weight')
}

/**
 * Q4_K_M: six bits for the logits, and for the value and down projections of the first and last eighth of the layers and
 * every third one between.
 * @type {(weight: Weight, shape: Shape) => boolean}
 */
function usesSixBits (weight, shape) {
  if (makesLogits(weight, shape)) return true
  const found = /^blk\.(\d+)\.(attn_v|ffn_down)\.weight$/.exec(weight.ggufName)
  if (found === null) return false
  const layer = Number(found[1])
  const eighth = Math.floor(shape.layers / 8)
  return layer < eighth || layer >= Math.floor(7 * shape.layers / 8) || (layer - eighth) % 3 === 2
}
