import t from 'tap'
import type { LoadOptions } from '../../src/native/binding.js'
import { fixture } from '../support/fixtures.js'
import { greedy, loadNative } from '../support/native-model.js'
import { countDifferences, largestOf, logSoftmax, readReference, relativeError, scorePrompt, vocabSize } from '../support/reference.js'

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
  { path: 'gguf/qwen3-q8_0.gguf', expected: 'gguf/qwen3-q8_0-expected', tolerance: { scalar: 6e-2, auto: 6e-2 } },
  { path: 'gguf/llama-blocks-q4_k.gguf', expected: 'gguf/llama-blocks-q4_k-expected', tolerance: { scalar: 6e-2, auto: 6e-2 } }
]

for (const { path, expected, tolerance } of models) {
  t.test(`${path} gives the logits and tokens of transformers`, async t => {
    const { cases, tensors } = readReference(expected)
    for (const kernels of ['scalar', 'auto'] as const) {
      const { model } = await load(path, { kernels })
      const most = tolerance?.[kernels] ?? 1e-4
      for (const { name, promptIds, greedyIds, greedyTop2Gap } of cases) {
        const logits = tensors.get(`${name}.logits`)!
        for (const chunk of [256, 7]) {
          const rows = await scorePrompt(model, promptIds, chunk)
          const error = relativeError(rows, tensors.get(`${name}.positions`)!, logits)
          t.ok(error <= most, `${name}, ${kernels} kernels, chunks of ${chunk}: error ${error.toExponential(1)} is at most ${most}`)
        }
        // Both logits of a near tie may be off by the tolerance. In F32 that allows for no difference.
        const nearTie = 2 * most * largestOf(logits)
        const ids = await greedy(model, promptIds, 24)
        const different = ids.findIndex((id, i) => id !== greedyIds[i])
        t.ok(different < 0 || greedyTop2Gap[different]! <= nearTie,
          `${name}, ${kernels} kernels: the same 24 tokens, but for near ties (${different < 0 ? 'all the same' : `${different} the same`})`)
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

t.test('weights quantised at load keep the logits near those of transformers', async t => {
  const { cases, tensors } = readReference('models/qwen3-bf16/expected')
  const bounds = [['int8', 32, 0.1], ['int4', 32, 0.5], ['int4', 64, 0.5]] as const
  for (const [quantize, quantizeGroup, most] of bounds) {
    for (const kernels of ['scalar', 'auto'] as const) {
      const { model } = await load('models/qwen3-bf16', { quantize, quantizeGroup, kernels })
      for (const { name, promptIds } of cases) {
        const rows = await scorePrompt(model, promptIds, 256)
        const error = relativeError(rows, tensors.get(`${name}.positions`)!, tensors.get(`${name}.logits`)!)
        t.ok(error <= most, `${name}, ${quantize}, ${quantizeGroup}, ${kernels} kernels: error ${error.toExponential(1)} is at most ${most}`)
      }
      await model.dispose()
    }
  }
})

t.test('int4 takes int8 for rows that are no multiple of its group, and leaves whole-number weights alone', async t => {
  const same = async (path: string, expected: string, a: Partial<LoadOptions>, b: Partial<LoadOptions>) => {
    const { promptIds } = readReference(expected).cases[0]!
    const [one, other] = [await load(path, a), await load(path, b)]
    const difference = countDifferences(await scorePrompt(one.model, promptIds, 64), await scorePrompt(other.model, promptIds, 64))
    await one.model.dispose()
    await other.model.dispose()
    return difference === 0
  }
  const int4 = (quantizeGroup: 32 | 128) => ({ quantize: 'int4', quantizeGroup } as const)
  t.ok(await same('models/llama', 'models/llama/expected', { quantize: 'int8' }, int4(128)), 'rows of 64 and 96')
  t.notOk(await same('models/llama', 'models/llama/expected', { quantize: 'int8' }, int4(32)))
  t.ok(await same('gguf/qwen3-q8_0.gguf', 'gguf/qwen3-q8_0-expected', {}, int4(32)), 'Q8_0')
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
