// What the families share: a pre-norm decoder with grouped-query attention, rotary positions and a
// gated feed-forward layer. Each family says in its own file what differs.
import type { ModelSpec, TensorNames } from '../model-spec.js'
import { sharedCount } from '../gguf-metadata.js'
import type { ConfigReader } from '../hf-config.js'
import { ModelFilesError, UnsupportedModelError } from '../errors.js'
import { ropeFromConfig, ropeFromGguf } from '../rope-config.js'
import type { TensorIndex } from './architecture.js'

export type Bias = 'none' | 'qkv' | 'qkvo'

export interface ConfigTraits {
  readonly architecture: string
  readonly bias: Bias
  readonly qkNorm: boolean
  /** Used when config.json has none; hiddenSize / numHeads when this is missing too. */
  readonly defaultHeadDim?: number
  readonly slidingWindows: (numLayers: number) => readonly number[]
}

/** A ModelSpec from the fields of config.json that all families spell alike. */
export function specFromConfig (config: ConfigReader, traits: ConfigTraits): ModelSpec {
  refuseUnknownMath(config)
  const numHeads = config.count('num_attention_heads')
  const hiddenSize = config.count('hidden_size')
  const headDim = config.count('head_dim', traits.defaultHeadDim ?? wholeHeadDim(config, hiddenSize, numHeads))
  const numLayers = config.count('num_hidden_layers')
  return {
    architecture: traits.architecture,
    vocabSize: config.count('vocab_size'),
    hiddenSize,
    numLayers,
    numHeads,
    numKvHeads: groupedHeads(config, 'num_key_value_heads', numHeads),
    headDim,
    ffnSize: config.count('intermediate_size'),
    normEpsilon: config.positive('rms_norm_eps', 1e-6),
    qkNorm: traits.qkNorm,
    activation: activation(config),
    ...ropeFromConfig(config, headDim),
    attentionScale: 1 / Math.sqrt(headDim),
    slidingWindows: traits.slidingWindows(numLayers),
    tensors: hfTensors(traits, config.flag('tie_word_embeddings', false))
  }
}

/** Fields that change the mathematics, with the only values that change nothing. */
const neutralFields: ReadonlyArray<readonly [field: string, neutral: unknown]> = [
  ['num_experts', 0], ['num_local_experts', 0], ['n_routed_experts', 0], ['mlp_bias', false],
  ['attn_logit_softcapping', 0], ['final_logit_softcapping', 0], ['logits_scaling', 1], ['logit_scale', 1],
  ['use_mrope', false], ['embedding_multiplier', 1], ['residual_multiplier', 1], ['attention_multiplier', 1], ['quantization_config', undefined]
]

function refuseUnknownMath (config: ConfigReader): void {
  for (const [field, neutral] of neutralFields) {
    if (config.has(field) && config.raw(field) !== neutral) throw config.unsupported(field, adviceFor(field))
  }
}

function adviceFor (field: string): string {
  if (field === 'quantization_config') return 'Use the unquantized checkpoint (F32, F16 or BF16), or a GGUF file in Q8_0.'
  if (field.includes('expert')) return 'Mixture-of-experts models are not implemented.'
  return 'This model family is not implemented with that field.'
}

const activations: Readonly<Record<string, ModelSpec['activation']>> = {
  silu: 'silu', swish: 'silu', gelu: 'gelu', gelu_new: 'gelu_tanh', gelu_pytorch_tanh: 'gelu_tanh'
}

function activation (config: ConfigReader): ModelSpec['activation'] {
  const name = config.text('hidden_act', 'silu')
  const known = Object.hasOwn(activations, name) ? activations[name] : undefined
  if (known === undefined) throw config.unsupported('hidden_act', `Supported: ${Object.keys(activations).join(', ')}.`)
  return known
}

function wholeHeadDim (config: ConfigReader, hiddenSize: number, numHeads: number): number {
  if (!config.has('head_dim') && hiddenSize % numHeads !== 0) {
    throw config.invalid('hidden_size', `a multiple of the ${numHeads} attention heads when head_dim is not given`)
  }
  return hiddenSize / numHeads
}

function groupedHeads (config: ConfigReader, field: string, numHeads: number): number {
  const numKvHeads = config.count(field, numHeads)
  if (numHeads % numKvHeads !== 0) throw config.invalid(field, `a divisor of the ${numHeads} attention heads`)
  return numKvHeads
}

function hfTensors ({ bias, qkNorm }: ConfigTraits, tied: boolean): TensorNames {
  const layer = (name: string): { name: string } => ({ name: `model.layers.{layer}.${name}` })
  return {
    embedding: { name: 'model.embed_tokens.weight' },
    finalNorm: { name: 'model.norm.weight' },
    ...(tied ? {} : { lmHead: { name: 'lm_head.weight' } }),
    inputNorm: layer('input_layernorm.weight'),
    q: layer('self_attn.q_proj.weight'),
    k: layer('self_attn.k_proj.weight'),
    v: layer('self_attn.v_proj.weight'),
    o: layer('self_attn.o_proj.weight'),
    ...(bias === 'none' ? {} : {
      qBias: layer('self_attn.q_proj.bias'),
      kBias: layer('self_attn.k_proj.bias'),
      vBias: layer('self_attn.v_proj.bias')
    }),
    ...(bias === 'qkvo' ? { oBias: layer('self_attn.o_proj.bias') } : {}),
    ...(qkNorm ? { qNorm: layer('self_attn.q_norm.weight'), kNorm: layer('self_attn.k_norm.weight') } : {}),
    postNorm: layer('post_attention_layernorm.weight'),
    gate: layer('mlp.gate_proj.weight'),
    up: layer('mlp.up_proj.weight'),
    down: layer('mlp.down_proj.weight')
  }
}

export interface GgufTraits {
  readonly architecture: string
  readonly qkNorm: boolean
  /** Whether the converter interleaved the rows of Q and K, as for the llama family. */
  readonly permutedHeads: boolean
}

/** A ModelSpec from GGUF key-values; biases and a tied head show in which tensors there are. */
export function specFromGguf (
  metadata: ConfigReader, tensors: TensorIndex, ropeFactors: Float32Array | undefined, traits: GgufTraits
): ModelSpec {
  const prefix = metadata.text('general.architecture')
  const key = (name: string): string => `${prefix}.${name}`
  refuseGgufMath(metadata, tensors, key)
  const numHeads = requiredCount(metadata, key('attention.head_count'))
  const numKvHeads = sharedCount(metadata, key('attention.head_count_kv')) ?? numHeads
  if (numHeads % numKvHeads !== 0) {
    throw metadata.invalid(key('attention.head_count_kv'), `a divisor of the ${numHeads} attention heads`)
  }
  const hiddenSize = metadata.count(key('embedding_length'))
  const headDim = metadata.count(key('attention.key_length'), hiddenSize / numHeads)
  if (metadata.count(key('attention.value_length'), headDim) !== headDim) {
    throw metadata.unsupported(key('attention.value_length'), `Keys have ${headDim} dimensions; values must have as many.`)
  }
  const numLayers = metadata.count(key('block_count'))
  return {
    architecture: traits.architecture,
    vocabSize: ggufVocabSize(metadata, tensors),
    hiddenSize,
    numLayers,
    numHeads,
    numKvHeads,
    headDim,
    ffnSize: requiredCount(metadata, key('feed_forward_length')),
    normEpsilon: metadata.positive(key('attention.layer_norm_rms_epsilon')),
    qkNorm: traits.qkNorm,
    activation: 'silu',
    ...ropeFromGguf(metadata, prefix, headDim, ropeFactors),
    attentionScale: metadata.positive(key('attention.scale'), 1 / Math.sqrt(headDim)),
    slidingWindows: ggufWindows(metadata, key, numLayers),
    tensors: ggufTensors(tensors, traits, numHeads, numKvHeads)
  }
}

function requiredCount (metadata: ConfigReader, key: string): number {
  return sharedCount(metadata, key) ?? metadata.count(key)
}

function refuseGgufMath (metadata: ConfigReader, tensors: TensorIndex, key: (name: string) => string): void {
  for (const name of ['expert_count', 'attn_logit_softcapping', 'final_logit_softcapping']) {
    if (metadata.has(key(name)) && metadata.raw(key(name)) !== 0) {
      throw metadata.unsupported(key(name), 'This model family is not implemented with that field.')
    }
  }
  for (const name of ['logit_scale', 'residual_scale', 'embedding_scale']) {
    if (metadata.has(key(name)) && metadata.raw(key(name)) !== 1) {
      throw metadata.unsupported(key(name), 'This model family is not implemented with that field.')
    }
  }
  for (const name of ['blk.0.ffn_gate.bias', 'blk.0.ffn_up.bias', 'blk.0.ffn_down.bias', 'output.bias']) {
    if (tensors.has(name)) throw new UnsupportedModelError(`${metadata.source}: the tensor ${name} is not supported.`)
  }
}

function ggufVocabSize (metadata: ConfigReader, tensors: TensorIndex): number {
  const rows = tensors.get('token_embd.weight')?.shape[0]
  if (rows === undefined) {
    throw new ModelFilesError(`${metadata.source}: the tensor token_embd.weight is missing. Fetch or convert the file again.`)
  }
  return rows
}

/** One window for all layers; patterns of layers come with the models that use them. */
function ggufWindows (metadata: ConfigReader, key: (name: string) => string, numLayers: number): readonly number[] {
  const field = key('attention.sliding_window')
  if (!metadata.has(field) || metadata.raw(field) === 0) return new Array<number>(numLayers).fill(0)
  const pattern = key('attention.sliding_window_pattern')
  if (metadata.has(pattern)) throw metadata.unsupported(pattern, 'Only one window for all layers is implemented for GGUF.')
  return new Array<number>(numLayers).fill(metadata.count(field))
}

function ggufTensors (tensors: TensorIndex, traits: GgufTraits, numHeads: number, numKvHeads: number): TensorNames {
  const layer = (name: string): { name: string } => ({ name: `blk.{layer}.${name}` })
  const permuted = (name: string, heads: number): { name: string, unpermuteHeads?: number } =>
    traits.permutedHeads ? { ...layer(name), unpermuteHeads: heads } : layer(name)
  const has = (name: string): boolean => tensors.has(`blk.0.${name}`)
  return {
    embedding: { name: 'token_embd.weight' },
    finalNorm: { name: 'output_norm.weight' },
    ...(tensors.has('output.weight') ? { lmHead: { name: 'output.weight' } } : {}),
    inputNorm: layer('attn_norm.weight'),
    q: permuted('attn_q.weight', numHeads),
    k: permuted('attn_k.weight', numKvHeads),
    v: layer('attn_v.weight'),
    o: layer('attn_output.weight'),
    ...(has('attn_q.bias') ? { qBias: permuted('attn_q.bias', numHeads) } : {}),
    ...(has('attn_k.bias') ? { kBias: permuted('attn_k.bias', numKvHeads) } : {}),
    ...(has('attn_v.bias') ? { vBias: layer('attn_v.bias') } : {}),
    ...(has('attn_output.bias') ? { oBias: layer('attn_output.bias') } : {}),
    ...(traits.qkNorm ? { qNorm: layer('attn_q_norm.weight'), kNorm: layer('attn_k_norm.weight') } : {}),
    postNorm: layer('ffn_norm.weight'),
    gate: layer('ffn_gate.weight'),
    up: layer('ffn_up.weight'),
    down: layer('ffn_down.weight')
  }
}
