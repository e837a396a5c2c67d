// Writes a random-weight checkpoint of a real model's shape, for measuring speed without downloading anything.
//
//   node bench/make-checkpoint.mjs --shape qwen3-0.6b --format safetensors --dtype bf16 --out bench/checkpoints/qwen3-0.6b
//
// The text such a model writes is noise. The same seed gives the same weights in both formats; see
// checkpoint/random-weights.mjs for how they are drawn.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { types } from './checkpoint/encode.mjs'
import { formats } from './checkpoint/formats.mjs'
import { planGguf, ropeFactors } from './checkpoint/gguf.mjs'
import { randomWeights } from './checkpoint/random-weights.mjs'
import { planSafetensors } from './checkpoint/safetensors.mjs'
import { configOf, shapes, weightsOf } from './checkpoint/shapes.mjs'
import { tokenizerConfig, tokenizerJson, vocabularyOf } from './checkpoint/tokenizer.mjs'
import { progress, writeTensors } from './checkpoint/write.mjs'

const usage = `Usage: node bench/make-checkpoint.mjs --shape NAME --out DIR [options]

  --shape NAME     ${Object.keys(shapes).join(' | ')}
  --out DIR        folder to write into; it is made when missing, files of the same name are replaced
  --format NAME    safetensors (default) or gguf
  --dtype NAME     bf16 (default), f16, f32; with gguf also q8_0, q4_0 and q4_k_m (as llama.cpp mixes them: the matrix
                   of the logits in Q6_K), and q4_0-pure, q4_k, q6_k (one type in all matrices)
  --seed N         default 1; the same seed gives the same weights in both formats
`

/** Reads the command line; throws an Error with a message for the user. */
function readOptions () {
  const { values } = parseArgs({
    options: {
      shape: { type: 'string' },
      out: { type: 'string' },
      format: { type: 'string', default: 'safetensors' },
      dtype: { type: 'string', default: 'bf16' },
      seed: { type: 'string', default: '1' },
      help: { type: 'boolean', default: false }
    }
  })
  if (values.help) return undefined
  const shapeName = oneOf('--shape', values.shape, Object.keys(shapes))
  const format = oneOf('--format', values.format, ['safetensors', 'gguf'])
  const dtypeNames = format === 'gguf' ? Object.keys(formats) : ['f32', 'f16', 'bf16']
  const dtypeName = /** @type {import('./checkpoint/formats.mjs').FormatName} */ (oneOf('--dtype', values.dtype, dtypeNames))
  if (!values.out) throw new Error('--out is missing: give the folder to write into')
  const seed = Number(values.seed)
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
    throw new Error(`--seed must be a whole number from 0 to 4294967295, not ${values.seed}`)
  }
  return { shapeName, format, dtypeName, out: values.out, seed }
}

/** @type {(flag: string, value: string | undefined, allowed: string[]) => string} */
function oneOf (flag, value, allowed) {
  if (value !== undefined && allowed.includes(value)) return value
  throw new Error(`${flag} must be one of ${allowed.join(', ')}; got ${value ?? 'nothing'}`)
}

/**
 * Tensors with their sizes, and the bytes of those that are not random.
 * @param {import('./checkpoint/shapes.mjs').Shape} shape
 * @param {boolean} gguf
 * @param {import('./checkpoint/formats.mjs').FormatName} dtypeName
 */
function itemsOf (shape, gguf, dtypeName) {
  const { typeOf } = formats[dtypeName]
  const items = weightsOf(shape).map(weight => {
    const { norm, rows, cols } = weight
    if (norm) {
      const type = gguf ? types.f32 : typeOf(weight, shape)
      const data = type.encode(new Float32Array(rows).fill(1))
      return { weight, type, bytes: data.length, ggmlType: type.ggmlType, data }
    }
    const type = typeOf(weight, shape)
    if (cols % type.blockValues > 0) {
      throw new Error(`${dtypeName} cuts rows into blocks of ${type.blockValues} values; ${weight.name} has rows of ${cols}`)
    }
    return { weight, type, bytes: rows * cols / type.blockValues * type.blockBytes, ggmlType: type.ggmlType }
  })
  const factors = gguf ? ropeFactors(shape) : undefined
  if (factors !== undefined) {
    const weight = { name: '', ggufName: 'rope_freqs.weight', rows: factors.length, cols: 1, norm: true, permutedHeads: 0 }
    const type = types.f32
    items.unshift({ weight, type, bytes: factors.byteLength, ggmlType: type.ggmlType, data: type.encode(factors) })
  }
  return items
}

/**
 * Writes what stands beside the weights in a Hugging Face folder.
 * @param {string} out
 * @param {import('./checkpoint/shapes.mjs').Shape} shape
 * @param {string} torchDtype
 * @param {import('./checkpoint/tokenizer.mjs').Vocabulary} vocabulary
 * @param {object | undefined} index of the shards
 */
function writeSmallFiles (out, shape, torchDtype, vocabulary, index) {
  /** @type {(name: string, data: object) => void} */
  const writeJson = (name, data) => writeFileSync(join(out, name), `${JSON.stringify(data, null, 2)}\n`)
  const ids = { bos_token_id: vocabulary.bosId, eos_token_id: vocabulary.eosIds, pad_token_id: vocabulary.padId }
  rmSync(join(out, 'model.safetensors.index.json'), { force: true }) // an earlier run's
  if (index !== undefined) writeJson('model.safetensors.index.json', index)
  writeJson('config.json', configOf(shape, torchDtype, vocabulary))
  writeJson('generation_config.json', { ...ids, do_sample: true, temperature: 0.6, top_p: 0.95 })
  writeJson('tokenizer_config.json', tokenizerConfig(vocabulary))
  writeFileSync(join(out, 'tokenizer.json'), tokenizerJson(vocabulary))
}

/** @param {NonNullable<ReturnType<typeof readOptions>>} options */
function makeCheckpoint ({ shapeName, format, dtypeName, out, seed }) {
  const shape = /** @type {import('./checkpoint/shapes.mjs').Shape} */ (shapes[shapeName])
  const gguf = format === 'gguf'
  const vocabulary = vocabularyOf(shape)
  const items = itemsOf(shape, gguf, dtypeName)
  const { safetensors, torch } = types[/** @type {'bf16'} */ (gguf ? 'bf16' : dtypeName)]
  mkdirSync(out, { recursive: true })
  const { files, index } = gguf
    ? { files: [planGguf(`${shapeName}-${dtypeName}.gguf`, shape, vocabulary, items, formats[dtypeName].fileType)], index: undefined }
    : planSafetensors(items, safetensors)
  if (!gguf) writeSmallFiles(out, shape, torch, vocabulary, index)

  const shown = progress(items.reduce((sum, item) => sum + ('data' in item ? 0 : item.bytes), 0))
  const how = { rowsOf: randomWeights(seed), permute: gguf, shown }
  for (const plan of files) writeTensors(join(out, plan.file), plan, how)
  shown.end()
  for (const { file } of files) process.stdout.write(`${join(out, file)}\n`)
}

function main () {
  try {
    const options = readOptions()
    if (options === undefined) process.stdout.write(usage)
    else makeCheckpoint(options)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${usage}`)
    process.exitCode = 1
  }
}

main()
