import { readFileSync } from 'node:fs'
import t from 'tap'
import type { LoadOptions, NativeModel } from '../../src/native/binding.js'
import { RowOutput } from '../../src/native/binding.js'
import { fixture, readTensors, type Tensor } from '../support/fixtures.js'
import { greedy, loadNative, runStep, slotParams } from '../support/native-model.js'

// The reference is Hugging Face transformers in float32 (test/fixtures/README.md). The addon gives
// log-probabilities, not logits: both sides are compared after log-softmax, relative to the largest
// logit. What that hides, a constant added to all logits of a row, changes no token.

const vocabSize = 320

interface Case { name: string, promptIds: number[], greedyIds: number[] }

interface Reference {
  cases: Case[]
  tensors: Map<string, Tensor>
}

function readReference (path: string): Reference {
  return {
    cases: JSON.parse(readFileSync(fixture(`${path}.json`), 'utf8')) as Case[],
    tensors: readTensors(fixture(`${path}.safetensors`))
  }
}

function logSoftmax (logits: Float32Array): Float64Array {
  const best = Math.max(...logits)
  let sum = 0
  for (const logit of logits) sum += Math.exp(logit - best)
  return Float64Array.from(logits, logit => logit - best - Math.log(sum))
}

/** Log-probabilities of the whole vocabulary after each position of the prompt: (positions, vocab). */
async function scorePrompt (model: NativeModel, ids: readonly number[], chunk: number): Promise<Float64Array[]> {
  const slot = model.kv.open()
  model.openSlot(slot, slotParams({ topLogprobs: vocabSize }), new Int32Array(0), new Int32Array(0))
  model.kv.grow(slot, ids.length)
  const rows: Float64Array[] = []
  for (let start = 0; start < ids.length; start += chunk) {
    const tokens = ids.slice(start, start + chunk)
    const next = ids[start + chunk] ?? 0
    const output = await runStep(model, [{ slot, tokens, position: start, outputs: RowOutput.promptLogprobs, next }])
    for (let i = 0; i < tokens.length; i++) {
      const row = new Float64Array(vocabSize).fill(NaN)
      for (let k = 0; k < vocabSize; k++) row[output.promptTopIds[i * vocabSize + k]!] = output.promptTopLogprobs[i * vocabSize + k]!
      rows.push(row)
    }
  }
  model.closeSlot(slot)
  model.kv.close(slot)
  return rows
}

/** max|difference| / max|reference logit| over the kept positions. */
function relativeError (rows: Float64Array[], positions: Tensor, logits: Tensor, baseline = logits): number {
  let worst = 0
  let largest = 0
  positions.data.forEach((position, i) => {
    const expected = logSoftmax(logits.data.subarray(i * vocabSize, (i + 1) * vocabSize) as Float32Array)
    rows[position]!.forEach((value, k) => {
      worst = Math.max(worst, Number.isNaN(value) ? Infinity : Math.abs(value - expected[k]!))
    })
  })
  for (const logit of baseline.data) largest = Math.max(largest, Math.abs(logit))
  return worst / largest
}

/** How many of the numbers differ: tap's own comparison takes minutes for arrays of this size. */
function countDifferences (a: Float64Array[], b: Float64Array[]): number {
  let count = a.length === b.length ? 0 : Infinity
  a.forEach((row, i) => row.forEach((value, k) => { if (value !== b[i]?.[k]) count++ }))
  return count
}

const load = async (path: string, changes: Partial<LoadOptions> = {}) =>
  await loadNative(fixture(path), { maxLogprobs: vocabSize, kvBlocks: 32, maxRows: 4, ...changes })

interface Model {
  path: string
  expected: string
  /** Error of the logits, as a share of the largest. Products are in F32 unless one of these is given. */
  tolerance?: { scalar: number, auto: number }
}

const models: Model[] = [
  ...['llama', 'llama3', 'llama3-f16', 'llama-linear', 'mistral', 'mistral-swa', 'qwen2', 'qwen2-yarn', 'qwen3', 'qwen3-untied']
    .map(name => ({ path: `models/${name}`, expected: `models/${name}/expected` })),
  // Vector kernels multiply BF16 weights with activations rounded to BF16.
  { path: 'models/qwen3-bf16', expected: 'models/qwen3-bf16/expected', tolerance: { scalar: 1e-4, auto: 1.5e-2 } },
  ...['llama-f32', 'llama3-f32', 'llama3-f16', 'qwen2-f32', 'qwen2-yarn-f32', 'qwen3-f32']
    .map(name => ({ path: `gguf/${name}.gguf`, expected: `models/${name.replace('-f32', '')}/expected` })),
  // Whole-number weights are multiplied with activations rounded to whole numbers, 32 with a scale.
  { path: 'gguf/qwen3-q8_0.gguf', expected: 'gguf/qwen3-q8_0-expected', tolerance: { scalar: 6e-2, auto: 6e-2 } }
]

for (const { path, expected, tolerance } of models) {
  t.test(`${path} gives the logits and tokens of transformers`, async t => {
    const { cases, tensors } = readReference(expected)
    for (const kernels of ['scalar', 'auto'] as const) {
      const { model } = await load(path, { kernels })
      const most = tolerance?.[kernels] ?? 1e-4
      for (const { name, promptIds, greedyIds } of cases) {
        for (const chunk of [256, 7]) {
          const rows = await scorePrompt(model, promptIds, chunk)
          const error = relativeError(rows, tensors.get(`${name}.positions`)!, tensors.get(`${name}.logits`)!)
          t.ok(error <= most, `${name}, ${kernels} kernels, chunks of ${chunk}: error ${error.toExponential(1)} is at most ${most}`)
        }
        t.same(await greedy(model, promptIds, 24), greedyIds, `${name}, ${kernels} kernels: the same 24 tokens`)
      }
      await model.dispose()
    }
  })
}

t.test('with BF16 weights and KV the error is at most 1.5 times that of transformers in BF16', async t => {
  const { cases, tensors } = readReference('models/qwen3-bf16/expected')
  const { model } = await load('models/qwen3-bf16', { kvDtype: 'bf16', kernels: 'auto' })
  for (const { name, promptIds } of cases) {
    const positions = tensors.get(`${name}.positions`)!
    const logits = tensors.get(`${name}.logits`)!
    const ours = relativeError(await scorePrompt(model, promptIds, 256), positions, logits)
    const theirRows: Float64Array[] = []
    positions.data.forEach((position, i) => {
      const row = tensors.get(`${name}.logits_bfloat16`)!.data.subarray(i * vocabSize, (i + 1) * vocabSize)
      theirRows[position] = logSoftmax(row as Float32Array)
    })
    const theirs = relativeError(theirRows, positions, logits)
    t.ok(ours <= 1.5 * theirs, `${name}: ${ours.toExponential(1)} against ${theirs.toExponential(1)}`)
  }
  await model.dispose()
})

t.test('safetensors and GGUF of the same weights give the same logits bit for bit', async t => {
  // Not llama3: its GGUF carries the rope scaling as float32 factors, which round once more.
  for (const [folder, file] of [['llama', 'llama-f32'], ['qwen2', 'qwen2-f32'], ['qwen3', 'qwen3-f32']]) {
    const { cases } = readReference(`models/${folder}/expected`)
    const [a, b] = [await load(`models/${folder}`), await load(`gguf/${file}.gguf`)]
    const { promptIds } = cases[1]!
    const [left, right] = [await scorePrompt(a.model, promptIds, 64), await scorePrompt(b.model, promptIds, 64)]
    t.equal(countDifferences(left, right), 0, folder!)
    await a.model.dispose()
    await b.model.dispose()
  }
})

t.test('layers spread over cpu:0 and cpu:1 give the same logits bit for bit', async t => {
  const { cases } = readReference('models/qwen3/expected')
  const one = await load('models/qwen3')
  const two = await load('models/qwen3', {
    deviceMap: [{ start: 0, end: 1, devices: ['cpu:0'] }, { start: 1, end: 2, devices: ['cpu:1'] }]
  })
  const { promptIds } = cases[1]!
  t.equal(countDifferences(await scorePrompt(two.model, promptIds, 64), await scorePrompt(one.model, promptIds, 64)), 0)
  await one.model.dispose()
  await two.model.dispose()
})

t.test('heads and FFN columns split over two ranks give the logits within F32 rounding', async t => {
  const { cases, tensors } = readReference('models/llama/expected')
  const { model } = await load('models/llama', {
    deviceMap: [{ start: 0, end: 1, devices: ['cpu:0', 'cpu:1'] }, { start: 1, end: 2, devices: ['cpu:1'] }]
  })
  const { name, promptIds } = cases[1]!
  const error = relativeError(await scorePrompt(model, promptIds, 64), tensors.get(`${name}.positions`)!, tensors.get(`${name}.logits`)!)
  t.ok(error <= 1e-4, `error ${error.toExponential(1)}`)
  await model.dispose()
})
