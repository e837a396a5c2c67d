/** How one request is sampled. Every field has a default; `resolveSamplingParams` checks the ranges. */
export interface SamplingParams {
  /** 0 = greedy; 0 to 2. */
  readonly temperature: number
  /** 0 = all. */
  readonly topK: number
  /** 0 to 1; 1 = all. */
  readonly topP: number
  /** 0 to 1; tokens less likely than minP times the best are dropped. */
  readonly minP: number
  /** Above 0; 1 = none. Divides positive logits of tokens in the prompt and output. */
  readonly repetitionPenalty: number
  /** -2 to 2, per occurrence in the output. */
  readonly frequencyPenalty: number
  /** -2 to 2, once for a token that is in the output. */
  readonly presencePenalty: number
  /** Any 64-bit integer; undefined = drawn at random for each request. */
  readonly seed: bigint | undefined
  /** Sampled tokens at most; undefined = up to the context's end. */
  readonly maxTokens: number | undefined
  readonly minTokens: number
  /** Texts that end the output and are left out of it: at most 16, none empty. */
  readonly stop: readonly string[]
  readonly stopTokenIds: readonly number[]
  /** Go on after the model's own end-of-sequence tokens. */
  readonly ignoreEos: boolean
  /** Sequences per prompt: 1 to 128. */
  readonly n: number
  /** Report log-probabilities of sampled tokens. */
  readonly logprobs: boolean
  /** Most likely alternatives per token, 0 to 20. */
  readonly topLogprobs: number
  /** Report log-probabilities of the prompt's tokens. */
  readonly promptLogprobs: boolean
  /** Token id to bias, -100 to 100. */
  readonly logitBias: Readonly<Record<number, number>>
}
