// Writes a random-weight checkpoint of a real model's shape, for measuring speed without downloading anything.
//
//   node bench/make-checkpoint.mjs --shape qwen3-0.6b --format safetensors --dtype bf16 --out bench/checkpoints/qwen3-0.6b
//
// The text such a model writes is noise. The same seed gives the same weights in both formats; see
// checkpoint/random-weights.mjs for how they are drawn.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { BLOCK, dtypes } from './checkpoint/encode.mjs'
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
  --dtype NAME     bf16 (default), f16, f32, or with gguf q8_0
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
  const dtypeNames = Object.keys(dtypes).filter(name => format === 'gguf' || dtypes[/** @type {'f32'} */ (name)].safetensors)
  const dtypeName = /** @type {import('./checkpoint/encode.mjs').DtypeName} */ (oneOf('--dtype', values.dtype, dtypeNames))
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
 * @param {import('./checkpoint/encode.mjs').DtypeName} dtypeName
 */
function itemsOf (shape, gguf, dtypeName) {
  const matrixType = dtypes[dtypeName]
  const normType = gguf ? dtypes.f32 : matrixType
  const items = weightsOf(shape).map(weight => {
    const data = weight.norm ? normType.encode(new Float32Array(weight.rows).fill(1)) : undefined
    const bytes = data?.length ?? weight.rows * weight.cols / BLOCK * matrixType.blockBytes
    return { weight, bytes, ggmlType: (weight.norm ? normType : matrixType).ggmlType, ...data && { data } }
  })
  const factors = gguf ? ropeFactors(shape) : undefined
  if (factors !== undefined) {
    const weight = { name: '', ggufName: 'rope_freqs.weight', rows: factors.length, cols: 1, norm: true, permutedHeads: 0 }
    items.unshift({ weight, bytes: factors.byteLength, ggmlType: dtypes.f32.ggmlType, data: dtypes.f32.encode(factors) })
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
  const dtype = dtypes[dtypeName]
  const gguf = format === 'gguf'
  const vocabulary = vocabularyOf(shape)
  const items = itemsOf(shape, gguf, dtypeName)
  mkdirSync(out, { recursive: true })
  const { files, index } = gguf
    ? { files: [planGguf(`${shapeName}-${dtypeName}.gguf`, shape, vocabulary, items, dtype.fileType)], index: undefined }
    : planSafetensors(items, String(dtype.safetensors))
  if (!gguf) writeSmallFiles(out, shape, String(dtype.torch), vocabulary, index)

  const shown = progress(items.reduce((sum, item) => sum + ('data' in item ? 0 : item.bytes), 0))
  const how = { random: randomWeights(seed, dtype), blockBytes: dtype.blockBytes, permute: gguf, shown }
  for (const plan of files) writeTensors(join(out, plan.file), plan, how)
  shown.end()
  for (const { file } of files) process.stdout.write(`${join(out, file)}\n`)
}

function main () {
  let options
  try {
    options = readOptions()
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${usage}`)
    process.exitCode = 1
    return
  }
  if (options === undefined) process.stdout.write(usage)
  else makeCheckpoint(options)
}

main()
