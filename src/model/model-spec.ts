/**
 * A decoder-only transformer as data: what native code needs to run a checkpoint, and no model's
 * name. Passed across the boundary as JSON; native/runtime/model_spec.hpp reads the same fields.
 */
export interface ModelSpec {
  /** For people: 'llama', 'qwen3', ... Native code does not look at it. */
  readonly architecture: string
  readonly vocabSize: number
  readonly hiddenSize: number
  readonly numLayers: number
  readonly numHeads: number
  readonly numKvHeads: number
  readonly headDim: number
  readonly ffnSize: number
  /** The context that the checkpoint was trained for, rope scaling included. */
  readonly maxPositions: number
  readonly normEpsilon: number
  /** RMS norm of each head of q and k before the rotation. */
  readonly qkNorm: boolean
  readonly activation: 'silu' | 'gelu' | 'gelu_tanh'
  readonly rope: RopeSpec
  /** Factor of q·k before the softmax; 1/sqrt(headDim) unless the model says otherwise. */
  readonly attentionScale: number
  /** Per layer: tokens that a query may look back on, itself included; 0 = all. (numLayers,) */
  readonly slidingWindows: readonly number[]
  readonly tensors: TensorNames
}

/** Angles are position * inverseFrequencies[i]; scaling is already in the numbers. */
export interface RopeSpec {
  /** 'halves' rotates (i, i + d/2), as Hugging Face; 'pairs' rotates (2i, 2i + 1), as GPT-J. */
  readonly form: 'halves' | 'pairs'
  /** (rotaryDim / 2,); dimensions past rotaryDim are not rotated. */
  readonly inverseFrequencies: readonly number[]
  /** Multiplies cos and sin (YaRN's attention factor); 1 otherwise. */
  readonly magnitude: number
}

/** One tensor of the checkpoint, and what must be done to its rows to give the role's weight. */
export interface TensorRef {
  /** `{layer}` stands for the layer's number. */
  readonly name: string
  /** Rows [start, end) of a fused tensor; all when missing. */
  readonly rows?: readonly [number, number]
  /** Undo the reordering of Q and K rows that GGUF files of the llama family carry. */
  readonly unpermuteHeads?: number
}

/** From the roles that native code knows to the checkpoint's names. */
export interface TensorNames {
  /** (vocabSize, hiddenSize) */
  readonly embedding: TensorRef
  readonly finalNorm: TensorRef
  /** (vocabSize, hiddenSize); missing = tied to the embedding. */
  readonly lmHead?: TensorRef
  readonly inputNorm: TensorRef
  /** (numHeads * headDim, hiddenSize) */
  readonly q: TensorRef
  /** (numKvHeads * headDim, hiddenSize) */
  readonly k: TensorRef
  readonly v: TensorRef
  readonly qBias?: TensorRef
  readonly kBias?: TensorRef
  readonly vBias?: TensorRef
  /** (headDim,) */
  readonly qNorm?: TensorRef
  readonly kNorm?: TensorRef
  /** (hiddenSize, numHeads * headDim) */
  readonly o: TensorRef
  readonly oBias?: TensorRef
  readonly postNorm: TensorRef
  /** (ffnSize, hiddenSize) */
  readonly gate: TensorRef
  readonly up: TensorRef
  /** (hiddenSize, ffnSize) */
  readonly down: TensorRef
}
