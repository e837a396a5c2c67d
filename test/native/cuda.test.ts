import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { loadAddon } from '../../src/native/addon.js'
import type { LoadOptions } from '../../src/native/binding.js'
import { devices } from '../../src/cli/devices.js'
import { loadParts } from '../../src/engine/load.js'
import type { PartialEngineOptions } from '../../src/engine/options.js'
import { cardBytes } from '../../src/engine/quantization.js'
import { describeModel } from '../../src/model/load-description.js'
import { locateModel } from '../../src/model/locate.js'
import { fixture } from '../support/fixtures.js'
import { memoryIo } from '../support/memory-io.js'
import { greedy, loadNative, smallLoadOptions } from '../support/native-model.js'
import { logSoftmax, readReference, relativeError, scorePrompt, vocabSize } from '../support/reference.js'
import { loadTinyEngine } from '../support/tiny-engine.js'

// The plugin's kernels and the driver, emulated (cuda/README.md); slow, so prompts are few.
const plugin = fileURLToPath(new URL('../../build/millrace_cuda_emulated.so', import.meta.url))
process.env['MILLRACE_CUDA_PLUGIN'] = plugin
const skip = existsSync(plugin) ? false : 'needs the C++ tests, which build the emulated plugin'

/** What a card reports at most. */
const top = 256

const load = async (path: string, device: string, changes: Partial<LoadOptions> = {}) => {
  const { spec } = await smallLoadOptions(fixture(path))
  return await loadNative(fixture(path),
    { maxLogprobs: top, kvBlocks: 32, maxRows: 4, deviceMap: [{ start: 0, end: spec.numLayers, devices: [device] }], ...changes })
}

const models = ['llama', 'llama3', 'llama3-f16', 'llama-linear', 'mistral', 'mistral-swa', 'qwen2', 'qwen2-yarn', 'qwen3', 'qwen3-untied']

for (const name of models) {
  t.test(`${name} gives the logits and tokens of transformers on the emulated card in F32`, { skip }, async t => {
    const { cases, tensors } = readReference(`models/${name}/expected`)
    const { model } = await load(`models/${name}`, 'cuda:0')
    const { name: prompt, promptIds, greedyIds } = cases[0]!
    for (const chunk of [256, 7]) {
      const rows = await scorePrompt(model, promptIds, chunk, top)
      const logits = tensors.get(`${prompt}.logits`)!
      const error = relativeError(rows, tensors.get(`${prompt}.positions`)!, logits, logits, top)
      t.ok(error <= 1e-4, `chunks of ${chunk}: error ${error.toExponential(1)}`)
    }
    t.same(await greedy(model, promptIds, 24), greedyIds.slice(0, 24))
    await model.dispose()
  })
}

t.test('BF16 weights, activations and KV on the card have at most 1.5 times the error of transformers in BF16', { skip }, async t => {
  const { cases, tensors } = readReference('models/qwen3-bf16/expected')
  const { model } = await load('models/qwen3-bf16', 'cuda:0', { activationDtype: 'bf16', kvDtype: 'bf16' })
  const { name, promptIds } = cases[0]!
  const [positions, logits] = [tensors.get(`${name}.positions`)!, tensors.get(`${name}.logits`)!]
  const ours = relativeError(await scorePrompt(model, promptIds, 256, top), positions, logits, logits, top)
  const theirRows: Float64Array[] = []
  positions.data.forEach((position, i) => {
    theirRows[position] = logSoftmax(tensors.get(`${name}.logits_bfloat16`)!.data.subarray(i * vocabSize, (i + 1) * vocabSize) as Float32Array)
  })
  const theirs = relativeError(theirRows, positions, logits)
  t.ok(ours <= 1.5 * theirs, `${ours.toExponential(1)} against ${theirs.toExponential(1)}`)
  await model.dispose()
})

t.test('whole-number weights of GGUF files and quantisation at load work on the card', { skip }, async t => {
  const cases: Array<[string, string, Partial<LoadOptions>, number]> = [
    ['gguf/qwen3-q8_0.gguf', 'gguf/qwen3-q8_0-expected', {}, 6e-2],
    ['gguf/llama-blocks-q4_k.gguf', 'gguf/llama-blocks-q4_k-expected', {}, 6e-2],
    ['models/qwen3-bf16', 'models/qwen3-bf16/expected', { quantize: 'int8' }, 0.1],
    ['models/qwen3-bf16', 'models/qwen3-bf16/expected', { quantize: 'int4', quantizeGroup: 32 }, 0.5]
  ]
  for (const [path, expected, options, most] of cases) {
    const { cases: prompts, tensors } = readReference(expected)
    const { model } = await load(path, 'cuda:0', options)
    const { name, promptIds } = prompts[0]!
    const logits = tensors.get(`${name}.logits`)!
    const error = relativeError(await scorePrompt(model, promptIds, 256, top), tensors.get(`${name}.positions`)!, logits, logits, top)
    t.ok(error <= most, `${path} ${JSON.stringify(options)}: error ${error.toExponential(1)} is at most ${most}`)
    await model.dispose()
  }
})

t.test('an engine on cuda:0 answers as one on cpu:0, alone and with others, and swaps', { skip }, async t => {
  const ask = async (device: string) => {
    const engine = await loadTinyEngine({ device, maxModelLen: 64, kvBlocks: 6, kvHostBlocks: 8 })
    const answers = await Promise.all(['Hello', 'Once upon a time', 'The'].map(async prompt =>
      (await engine.complete({ prompt, maxTokens: 24, temperature: 0.8, seed: 5, ignoreEos: true, repetitionPenalty: 1.1 }).result()).choices[0]!.tokenIds))
    await engine.close()
    return answers
  }
  t.same(await ask('cuda:0'), await ask('cpu:0'))
})

t.test('millrace devices lists the card with memory, compute capability and driver', { skip }, async t => {
  const io = memoryIo()
  devices({}, io)
  t.match(io.out(), /^cuda:0 .* 1\.00 GiB .*\b8\.0 .*13\.0 .*\byes\b/m)
  const card = loadAddon().devices().find(({ name }) => name === 'cuda:0')!
  t.match(card, { usable: true, reason: '', computeCapability: '8.0', driver: '13.0', memoryBytes: 2 ** 30 })
  t.ok(card.freeBytes! > 0 && card.freeBytes! <= card.memoryBytes)
  t.match(card.products, /^own kernels: /)
  t.match(io.out(), /^cuda:0: products of many rows by own kernels: .*\.$/m)
})

t.test('auto takes the card, its memory bounds the KV cache, and its number format follows the weights', { skip }, async t => {
  const engine = await loadTinyEngine({ kvDtype: 'auto' })
  t.match(engine.info.options, { deviceMap: [{ devices: ['cuda:0'] }], activationDtype: 'f32', kvDtype: 'f32' })
  await engine.close()
  await t.rejects(loadTinyEngine({ kvCacheMemory: '2GiB' }), { code: 'ERR_OUT_OF_MEMORY', message: /cuda:0 has 1\.00 GiB.*Lower --kv-cache-memory/ })
  await t.rejects(loadTinyEngine({ device: 'cuda:1' }), { code: 'ERR_DEVICE_UNAVAILABLE', message: /cuda:1 cannot be used: there is only cuda:0/ })
  await t.rejects(loadTinyEngine({ activationDtype: 'f16', kvDtype: 'bf16' }), { code: 'ERR_INVALID_OPTION', param: 'kvDtype', message: /--activation-dtype f32/ })
  await t.rejects(loadTinyEngine({ device: 'cpu:0', activationDtype: 'bf16' }), { code: 'ERR_INVALID_OPTION', param: 'activationDtype' })
})

t.test('what is planned for weights on a card is what they take there', { skip }, async t => {
  const cases: Array<[string, PartialEngineOptions]> = [
    ['gguf/qwen3-q8_0.gguf', {}], ['gguf/llama-blocks-q4_k.gguf', { activationDtype: 'bf16', kvDtype: 'bf16' }], ['models/qwen3', {}],
    ['models/qwen3', { activationDtype: 'f16', kvDtype: 'f16' }], ['models/qwen2', { quantize: 'int8' }], ['models/qwen3-bf16', { quantize: 'int4', quantizeGroup: 32 }]
  ]
  for (const [path, options] of cases) {
    const addon = loadAddon()
    const description = await describeModel(await locateModel(fixture(path)), addon)
    const parts = await loadParts(fixture(path), { device: 'cuda:0', maxModelLen: 64, maxNumSeqs: 2, ...options }, {})
    const planned = cardBytes(description.weights, parts.options, parts.options.activationDtype)
    const { weightsBytes } = parts.model.memory
    // Biases of stacked weights begin at multiples of 256 bytes together, and are kept in two types.
    t.ok(planned <= weightsBytes * 1.05 && planned >= weightsBytes * 0.97, `${path} ${JSON.stringify(options)}: ${planned} for ${weightsBytes}`)
    await parts.model.dispose()
  }
})

t.test('KV that the card has no memory for once the weights are there is refused with the numbers and the flag', { skip }, async t => {
  await t.rejects(load('models/qwen3', 'cuda:0', { kvBlocks: 200_000 }), {
    code: 'ERR_OUT_OF_MEMORY', message: /^cuda:0: \d+ MiB are wanted, and \d+ MiB of 1024 MiB are free\. Lower --kv-cache-memory/
  })
})
