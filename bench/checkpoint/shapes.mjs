// The shapes that bench/make-checkpoint.mjs can write, and their tensors.

const qwen3 = {
  architecture: 'qwen3', vocabSize: 151936, tokenizerSize: 151669, epsilon: 1e-6, ropeTheta: 1e6, contextTokens: 40960,
  heads: 16, kvHeads: 8, headDim: 128, tied: true
}
const llama3 = {
  architecture: 'llama', vocabSize: 128256, tokenizerSize: 128256, epsilon: 1e-5, ropeTheta: 5e5, contextTokens: 131072,
  heads: 32, kvHeads: 8, tied: true
}

/** @param {number} factor */
const scaling = factor => ({
  factor, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192, rope_type: 'llama3'
})

/**
 * What a checkpoint is made from. `tokenizerSize` counts the tokens that exist: Qwen pads its embedding beyond them.
 * @typedef {{
 *   architecture: string, vocabSize: number, tokenizerSize: number, epsilon: number, ropeTheta: number,
 *   contextTokens: number, heads: number, kvHeads: number, headDim: number, tied: boolean,
 *   hidden: number, layers: number, feedForward: number, ropeScaling?: ReturnType<typeof scaling>
 * }} Shape
 */

/** @type {Record<string, Shape>} */
export const shapes = {
  'qwen3-0.6b': { ...qwen3, hidden: 1024, layers: 28, feedForward: 3072 },
  'llama-3.2-1b': { ...llama3, headDim: 64, hidden: 2048, layers: 16, feedForward: 8192, ropeScaling: scaling(32) },
  'qwen3-4b': { ...qwen3, heads: 32, hidden: 2560, layers: 36, feedForward: 9728 },
  'llama-8b': { ...llama3, headDim: 128, hidden: 4096, layers: 32, feedForward: 14336, tied: false, ropeScaling: scaling(8) },
  // To try a benchmark out in a minute.
  small: {
    ...qwen3, vocabSize: 32768, tokenizerSize: 32768, heads: 8, kvHeads: 4, headDim: 64, hidden: 512, layers: 8,
    feedForward: 1536
  },
  tiny: {
    ...qwen3, vocabSize: 512, tokenizerSize: 509, heads: 4, kvHeads: 2, headDim: 32, hidden: 64, layers: 2,
    feedForward: 160
  },
  // Rows of whole super-blocks, for the K-quants.
  'tiny-k': {
    ...qwen3, vocabSize: 512, tokenizerSize: 509, heads: 4, kvHeads: 2, headDim: 64, hidden: 256, layers: 9,
    feedForward: 512
  },
  'tiny-llama': {
    ...llama3, vocabSize: 768, tokenizerSize: 768, heads: 4, kvHeads: 2, headDim: 16, hidden: 64, layers: 2,
    feedForward: 160, tied: false, ropeScaling: scaling(8)
  }
}

/**
 * A weight under both of its names. Matrices are (rows, cols), one output a row; a norm is (rows,) of ones.
 * `permutedHeads` > 0: the rows are reordered within each head in a GGUF file, as llama.cpp's converter does.
 * @typedef {{ name: string, ggufName: string, rows: number, cols: number, norm: boolean, permutedHeads: number }} Weight
 */

/**
 * Every weight of a shape, in the order of the forward pass.
 * @param {Shape} shape
 * @returns {Weight[]}
 */
export function weightsOf (shape) {
  const { hidden, feedForward, heads, kvHeads, headDim } = shape
  const llama = shape.architecture === 'llama'
  /** @type {Weight[]} */
  const weights = []
  /** @type {(name: string, ggufName: string, rows: number, cols: number, permutedHeads?: number) => void} */
  const matrix = (name, ggufName, rows, cols, permutedHeads = 0) => {
    weights.push({ name: `${name}.weight`, ggufName: `${ggufName}.weight`, rows, cols, norm: false, permutedHeads })
  }
  /** @type {(name: string, ggufName: string, size: number) => void} */
  const norm = (name, ggufName, size) => {
    const names = { name: `${name}.weight`, ggufName: `${ggufName}.weight` }
    weights.push({ ...names, rows: size, cols: 1, norm: true, permutedHeads: 0 })
  }

  matrix('model.embed_tokens', 'token_embd', shape.vocabSize, hidden)
  for (let layer = 0; layer < shape.layers; layer++) {
    const from = `model.layers.${layer}`
    const to = `blk.${layer}`
    norm(`${from}.input_layernorm`, `${to}.attn_norm`, hidden)
    matrix(`${from}.self_attn.q_proj`, `${to}.attn_q`, heads * headDim, hidden, llama ? heads : 0)
    matrix(`${from}.self_attn.k_proj`, `${to}.attn_k`, kvHeads * headDim, hidden, llama ? kvHeads : 0)
    matrix(`${from}.self_attn.v_proj`, `${to}.attn_v`, kvHeads * headDim, hidden)
    matrix(`${from}.self_attn.o_proj`, `${to}.attn_output`, hidden, heads * headDim)
    if (!llama) {
      norm(`${from}.self_attn.q_norm`, `${to}.attn_q_norm`, headDim)
      norm(`${from}.self_attn.k_norm`, `${to}.attn_k_norm`, headDim)
    }
    norm(`${from}.post_attention_layernorm`, `${to}.ffn_norm`, hidden)
    matrix(`${from}.mlp.gate_proj`, `${to}.ffn_gate`, feedForward, hidden)
    matrix(`${from}.mlp.up_proj`, `${to}.ffn_up`, feedForward, hidden)
    matrix(`${from}.mlp.down_proj`, `${to}.ffn_down`, hidden, feedForward)
  }
  norm('model.norm', 'output_norm', hidden)
  if (!shape.tied) matrix('lm_head', 'output', shape.vocabSize, hidden)
  return weights
}

/**
 * config.json, as the real checkpoints write it.
 * @param {Shape} shape
 * @param {string} torchDtype
 * @param {{ bosId: number, eosIds: number[] }} ids
 */
export function configOf (shape, torchDtype, ids) {
  const llama = shape.architecture === 'llama'
  return {
    architectures: [llama ? 'LlamaForCausalLM' : 'Qwen3ForCausalLM'],
    model_type: shape.architecture,
    attention_bias: false,
    attention_dropout: 0,
    bos_token_id: ids.bosId,
    eos_token_id: llama ? ids.eosIds : ids.eosIds[0],
    head_dim: shape.headDim,
    hidden_act: 'silu',
    hidden_size: shape.hidden,
    initializer_range: 0.02,
    intermediate_size: shape.feedForward,
    max_position_embeddings: shape.contextTokens,
    num_attention_heads: shape.heads,
    num_hidden_layers: shape.layers,
    num_key_value_heads: shape.kvHeads,
    rms_norm_eps: shape.epsilon,
    rope_scaling: shape.ropeScaling ?? null,
    rope_theta: shape.ropeTheta,
    tie_word_embeddings: shape.tied,
    torch_dtype: torchDtype,
    use_cache: true,
    vocab_size: shape.vocabSize,
    ...llama
      ? { mlp_bias: false, pretraining_tp: 1 }
      : { max_window_layers: shape.layers, sliding_window: null, use_sliding_window: false }
  }
}
