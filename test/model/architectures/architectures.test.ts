import { readFile } from 'node:fs/promises'
import t from 'tap'
import { architectures, specFromGgufMetadata, specFromHf, type TensorIndex } from '../../../src/model/architectures/index.js'
import { ggufReader } from '../../../src/model/gguf-metadata.js'
import { ConfigReader } from '../../../src/model/hf-config.js'
import type { ModelSpec } from '../../../src/model/model-spec.js'
import type { ModelFilesInfo, TensorInfo } from '../../../src/native/binding.js'
import { fixtures, readModelFiles, readTensor } from '../support/model-files.js'

type Fields = Record<string, unknown>

const indexOf = (files: ModelFilesInfo): TensorIndex => new Map(files.tensors.map(tensor => [tensor.name, tensor]))

async function folder (name: string): Promise<{ config: Fields, tensors: TensorIndex }> {
  const path = `${fixtures}models/${name}`
  return { config: JSON.parse(await readFile(`${path}/config.json`, 'utf8')) as Fields, tensors: indexOf(await readModelFiles(path)) }
}

const specOf = (config: Fields, tensors: TensorIndex): ModelSpec => specFromHf(new ConfigReader(config, 'config.json'), tensors)

async function ggufSpec (name: string): Promise<ModelSpec> {
  const path = `${fixtures}gguf/${name}.gguf`
  const files = await readModelFiles(path)
  const tensors = indexOf(files)
  const factors = tensors.has('rope_freqs.weight') ? await readTensor(path, 'rope_freqs.weight') : undefined
  return specFromGgufMetadata(ggufReader(files.metadata, 'model.gguf'), tensors, factors)
}

/** The config's own tensors without any weights, for configs that no fixture has. */
function madeUpTensors (spec: { config: Fields, tensors: TensorIndex }, change: (tensor: TensorInfo) => TensorInfo | undefined): TensorIndex {
  return new Map([...spec.tensors].flatMap(([name, tensor]) => {
    const changed = change(tensor)
    return changed === undefined ? [] : [[name, changed]]
  }))
}

t.test('each family reads its dimensions and names from config.json', async t => {
  const llama = await folder('llama')
  t.match(specOf(llama.config, llama.tensors), {
    architecture: 'llama', vocabSize: 320, hiddenSize: 64, numLayers: 2, numHeads: 4, numKvHeads: 4, headDim: 16, ffnSize: 96,
    maxPositions: 256, normEpsilon: 1e-5, qkNorm: false, activation: 'silu', attentionScale: 0.25, slidingWindows: [0, 0],
    tensors: { lmHead: { name: 'lm_head.weight' }, q: { name: 'model.layers.{layer}.self_attn.q_proj.weight' } }
  })
  const qwen2 = await folder('qwen2')
  const qwen2Spec = specOf(qwen2.config, qwen2.tensors)
  t.match(qwen2Spec.tensors, { qBias: {}, kBias: {}, vBias: { name: 'model.layers.{layer}.self_attn.v_proj.bias' } })
  t.equal(qwen2Spec.tensors.oBias, undefined)
  t.equal(qwen2Spec.tensors.lmHead, undefined, 'a tied head has no tensor')
  const qwen3 = await folder('qwen3')
  t.match(specOf(qwen3.config, qwen3.tensors), {
    architecture: 'qwen3', headDim: 32, numHeads: 4, qkNorm: true,
    tensors: { qNorm: { name: 'model.layers.{layer}.self_attn.q_norm.weight' }, kNorm: {} }
  })
  const mistral = await folder('mistral')
  t.match(specOf(mistral.config, mistral.tensors), { architecture: 'mistral', headDim: 64, numHeads: 2, slidingWindows: [0, 0] })
})

for (const name of ['llama', 'llama3', 'qwen2', 'qwen2-yarn', 'qwen3']) {
  t.test(`${name}: GGUF key-values describe the same model as config.json`, async t => {
    const file = `${name}-f32`
    const { config, tensors } = await folder(name)
    const { tensors: hfNames, rope: hfRope, normEpsilon: hfEpsilon, ...hf } = specOf(config, tensors)
    const { tensors: ggufNames, rope, normEpsilon, ...gguf } = await ggufSpec(file)
    t.same({ ...gguf, architecture: hf.architecture }, hf)
    t.equal(normEpsilon, Math.fround(hfEpsilon), 'GGUF stores float32')
    t.same([rope.form, rope.magnitude], [hfRope.form, hfRope.magnitude])
    const differences = rope.inverseFrequencies.map((frequency, i) => Math.abs(frequency / hfRope.inverseFrequencies[i]! - 1))
    t.ok(Math.max(...differences) < 1e-6, `frequencies differ by ${Math.max(...differences)}`)
    t.same(Object.keys(ggufNames).sort(), Object.keys(hfNames).sort(), 'the same roles')
    const isLlama = gguf.architecture === 'llama'
    t.equal(ggufNames.q.unpermuteHeads, isLlama ? hf.numHeads : undefined)
    t.equal(ggufNames.k.unpermuteHeads, isLlama ? hf.numKvHeads : undefined)
  })
}

t.test('Mistral masks all layers, and a missing window means 4096', async t => {
  const { config, tensors } = await folder('mistral-swa')
  t.same(specOf(config, tensors).slidingWindows, [24, 24])
  const { sliding_window: _, ...without } = config
  t.same(specOf(without, tensors).slidingWindows, [4096, 4096])
  t.same(specOf({ ...config, sliding_window: null }, tensors).slidingWindows, [0, 0])
  t.throws(() => specOf({ ...config, layer_types: ['full_attention', 'sliding_attention'] }, tensors), { code: 'ERR_MODEL_UNSUPPORTED' })
})

t.test('Qwen masks the layers that its fields name', async t => {
  const { config, tensors } = await folder('qwen2')
  const windows = (fields: Fields): readonly number[] => specOf({ ...config, ...fields }, tensors).slidingWindows
  t.same(windows({}), [0, 0], 'use_sliding_window is false')
  t.same(windows({ use_sliding_window: true }), [0, 16], 'from max_window_layers on')
  t.same(windows({ use_sliding_window: true, max_window_layers: 0 }), [16, 16])
  t.same(windows({ use_sliding_window: true, layer_types: ['sliding_attention', 'full_attention'] }), [16, 0])
  t.throws(() => windows({ layer_types: ['sliding_attention', 'full_attention'] }), { message: /layer_types/ })
  t.throws(() => windows({ use_sliding_window: true, layer_types: ['sliding_attention'] }), { message: /array of 2 strings/ })
})

t.test('a window on Llama, which has none, is refused and not ignored', async t => {
  const { config, tensors } = await folder('llama')
  t.throws(() => specOf({ ...config, sliding_window: 64 }, tensors), { code: 'ERR_MODEL_UNSUPPORTED', message: /sliding_window is 64/ })
})

t.test('a window in a GGUF file holds for all layers', async t => {
  const path = `${fixtures}gguf/llama-f32.gguf`
  const files = await readModelFiles(path)
  const read = (fields: Fields): ModelSpec => specFromGgufMetadata(
    ggufReader({ ...files.metadata, ...fields } as ModelFilesInfo['metadata'], 'model.gguf'), indexOf(files), undefined)
  t.same(read({ 'llama.attention.sliding_window': 7 }).slidingWindows, [7, 7])
  t.throws(() => read({ 'llama.attention.sliding_window': 7, 'llama.attention.sliding_window_pattern': 2 }), { code: 'ERR_MODEL_UNSUPPORTED' })
  t.throws(() => read({ 'llama.expert_count': 8 }), { message: /llama.expert_count is 8/ })
  t.throws(() => read({ 'llama.attention.head_count_kv': [4, 2] }), { message: /Layers of different shapes/ })
  t.throws(() => read({ 'general.architecture': 'gemma' }), { message: /"gemma".*Supported: llama, qwen2, qwen3/ })
})

t.test('an unknown family is refused with the list of known ones', async t => {
  const { config, tensors } = await folder('llama')
  t.throws(() => specOf({ ...config, model_type: 'gpt_neox' }, tensors), {
    code: 'ERR_MODEL_UNSUPPORTED', message: /model_type is "gpt_neox".*Supported: llama, mistral, qwen2, qwen3/
  })
  t.equal(architectures.length, 3)
  t.throws(() => specOf({ ...config, architectures: ['LlamaForSequenceClassification'] }, tensors), { message: /ForCausalLM/ })
})

t.test('mathematics that the runtime lacks is refused by the field that asks for it', async t => {
  const { config, tensors } = await folder('llama')
  for (const fields of [{ num_local_experts: 8 }, { mlp_bias: true }, { final_logit_softcapping: 30 }, { hidden_act: 'relu' },
    { quantization_config: { quant_method: 'gptq' } }, { logits_scaling: 8 }]) {
    const [field] = Object.keys(fields)
    t.throws(() => specOf({ ...config, ...fields }, tensors), { code: 'ERR_MODEL_UNSUPPORTED', message: new RegExp(`^config.json: ${field!} is `) })
  }
  t.equal(specOf({ ...config, hidden_act: 'gelu_new' }, tensors).activation, 'gelu_tanh')
})

t.test('a field of a wrong type is an error that names it', async t => {
  const { config, tensors } = await folder('llama')
  for (const [field, value] of [['hidden_size', '64'], ['num_hidden_layers', 2.5], ['num_attention_heads', 0], ['vocab_size', -1],
    ['rms_norm_eps', null], ['rope_theta', 'many'], ['tie_word_embeddings', 1], ['num_key_value_heads', 3]] as const) {
    if (value === null) continue
    t.throws(() => specOf({ ...config, [field]: value }, tensors), { code: 'ERR_MODEL_FILES', message: new RegExp(`^config.json: ${field} is `) })
  }
  const { vocab_size: _, ...without } = config
  t.throws(() => specOf(without, tensors), { message: /vocab_size is missing; it must be a whole number/ })
})

t.test('a config that contradicts the tensors is one error with both shapes', async t => {
  const { config, tensors } = await folder('llama')
  t.throws(() => specOf({ ...config, intermediate_size: 100 }, tensors), {
    code: 'ERR_MODEL_FILES',
    message: /tensor model.layers.0.mlp.gate_proj.weight has shape \(96, 64\), and \(100, 64\) is expected/
  })
  t.throws(() => specOf({ ...config, num_hidden_layers: 1 }, tensors), { message: /says 1 layers, but .* model.layers.1.self_attn.q_proj/ })
  t.throws(() => specOf({ ...config, num_hidden_layers: 3 }, tensors), { message: /asks for the tensor model.layers.2/ })
})

t.test('a missing head is tied only when the config says so', async t => {
  const llama = await folder('llama')
  const headless = madeUpTensors(llama, tensor => tensor.name === 'lm_head.weight' ? undefined : tensor)
  t.throws(() => specOf(llama.config, headless), { message: /asks for the tensor lm_head.weight \(320, 64\)/ })
  t.equal(specOf({ ...llama.config, tie_word_embeddings: true }, headless).tensors.lmHead, undefined)
})

t.test('an element type that the runtime cannot read is refused with tensor and type', async t => {
  const llama = await folder('llama')
  const quantized = madeUpTensors(llama, tensor => tensor.name.includes('1.mlp.up') ? { ...tensor, dtype: 'Q5_K' } : tensor)
  t.throws(() => specOf(llama.config, quantized), {
    code: 'ERR_MODEL_UNSUPPORTED', message: /model.layers.1.mlp.up_proj.weight has type Q5_K. Supported: F32, F16, BF16, Q8_0, Q4_0, Q4_K, Q6_K/
  })
})
