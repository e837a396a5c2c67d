// Numbers of the step that the scheduler shares with the native side. They are those of
// src/native/binding.ts; test/scheduler/step-numbers.test.ts holds the two equal.

/** What row i of a step should give back. */
export const RowOutput = {
  sample: 1,
  logprobs: 2,
  promptLogprobs: 4,
  awaitMask: 8
} as const

/** What became of row i of a step. */
export const RowStatus = {
  running: 0,
  stop: 1,
  length: 2,
  skipped: 3,
  badLogits: -1,
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
