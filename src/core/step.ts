// Numbers of a step that TypeScript and C++ share: native/runtime/step.hpp has the same. They are part of
// the native surface (src/native/binding.ts) and stand here because the scheduler knows nothing of that.

/** What row i of a step should give back; bits of `StepInput.outputs`. */
export const RowOutput = {
  /** Sample a token after the row's last token. */
  sample: 1,
  /** Log-probabilities of the sampled token, with the slot's top-N. Needs `sample`. */
  logprobs: 2,
  /** Log-probability of the token that follows each of the row's tokens in the prompt. */
  promptLogprobs: 4,
  /** Sampling waits for `setMask` on this slot, and uses the mask once. Needs `sample`. */
  awaitMask: 8,
  /** The hidden state of the row's last token, as the head gets it: `NativeModel.hiddenStates`. */
  hidden: 16,
  /**
   * The row's tokens after its first are a draft: a token is sampled after each, up to the first that is not
   * the drafted one. The row gives 1 to as many tokens as it has, the same as rows of one token would have
   * given one after the other; KV of wrong ones is written over by the slot's next row, which begins after the
   * last token given. Needs `sample`, and a slot without penalties and masks.
   */
  verify: 32
} as const

/** What became of row i of a step; values of `StepOutput.statuses`. */
export const RowStatus = {
  /** Computed; the sequence goes on. */
  running: 0,
  /** The sampled token, which is in the output, ends the sequence: EOS or a stop id. */
  stop: 1,
  /** The slot's `maxTokens` are reached with the token in the output. */
  length: 2,
  /** Not computed: the sequence had ended, or was closed, before the step began. */
  skipped: 3,
  /** The logits held NaN or infinity: this row failed, the others did not. */
  badLogits: -1,
  /** The token mask allowed no token, or did not come in time. */
  badMask: -2
} as const

/** The part of a step's output that decides what happens next. */
export interface StepTokens {
  /** Row i sampled tokens [tokenStarts[i], tokenStarts[i + 1]) of `tokens`: (rows + 1,) */
  readonly tokenStarts: Int32Array
  /** (rows,) */
  readonly tokens: Int32Array
  /** A value of `RowStatus`: (rows,) */
  readonly statuses: Int32Array
}
