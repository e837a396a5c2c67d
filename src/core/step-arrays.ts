// The arrays of a step, as the native side takes them: views of one buffer each, one after the other in the order of
// the fields, so that a step is two buffers and not sixteen properties. native/binding/step_arrays.cpp has the same
// order. Part of the native surface (src/native/binding.ts); here because the scheduler knows nothing of that.

type View = Int32Array | Float32Array | Float64Array
type ViewOf<V extends View> = new (buffer: ArrayBuffer, offset: number, length: number) => V

/** Cuts a buffer into views. */
class Cutter {
  #at = 0
  readonly #buffer: ArrayBuffer

  constructor (buffer: ArrayBuffer) {
    this.#buffer = buffer
  }

  take<V extends View>(Type: ViewOf<V>, length: number): V {
    const view = new Type(this.#buffer, this.#at, length)
    this.#at += view.byteLength
    return view
  }
}

/**
 * One step's input: a ragged batch. It is copied before `NativeModel.step` returns, so one set can be
 * filled again at once.
 */
export class StepInput {
  readonly buffer: ArrayBuffer
  /** Rows in use: 1 to `maxRows`. A slot stands in at most one row. */
  numRows = 0
  /** Row i is one sequence: (maxRows,) */
  readonly slots: Int32Array
  /** Row i owns tokens [queryStarts[i], queryStarts[i + 1]): (maxRows + 1,) */
  readonly queryStarts: Int32Array
  /** Position of row i's first token, = tokens of the slot that are in KV or queued: (maxRows,) */
  readonly positions: Int32Array
  /** Bits of `RowOutput` for row i: (maxRows,) */
  readonly outputs: Int32Array
  /** For rows with `promptLogprobs`: the prompt's token after the row's last, -1 = none: (maxRows,) */
  readonly nextTokenIds: Int32Array
  /** New tokens, concatenated; -1 = what the previous step sampled for this slot: (maxTokens,) */
  readonly tokenIds: Int32Array

  constructor (maxRows: number, maxTokens: number, buffer = new ArrayBuffer(4 * (5 * maxRows + 1 + maxTokens))) {
    const cutter = new Cutter(buffer)
    this.buffer = buffer
    this.slots = cutter.take(Int32Array, maxRows)
    this.queryStarts = cutter.take(Int32Array, maxRows + 1)
    this.positions = cutter.take(Int32Array, maxRows)
    this.outputs = cutter.take(Int32Array, maxRows)
    this.nextTokenIds = cutter.take(Int32Array, maxRows)
    this.tokenIds = cutter.take(Int32Array, maxTokens)
  }
}

/** Places of `StepOutput.timing`, in milliseconds. */
export const StepTime = {
  /** When the step began and ended on the device, on the clock of `process.hrtime`. */
  start: 0,
  end: 1,
  /** Since the step before it ended, during which the device had nothing to do; 0 for the first. */
  idle: 2,
  /** At the step's beginning, to hand out the results of the one before: its thread did not compute then. */
  handOut: 3
} as const

const numTimes = Object.keys(StepTime).length

function outputBytes (maxRows: number, maxTokens: number, maxLogprobs: number): number {
  const maxSamples = Math.max(maxRows, maxTokens)
  return 8 * numTimes + 4 * (2 * maxRows + 1 + 2 * maxSamples + maxTokens + 2 * (maxSamples + maxTokens) * maxLogprobs)
}

/**
 * One step's output. Written just before the step's `done` is called, and the caller's until it is passed
 * to `NativeModel.step` again.
 */
export class StepOutput {
  readonly buffer: ArrayBuffer
  /** See `StepTime`: (4,) */
  readonly timing: Float64Array
  /** Row i sampled tokens [tokenStarts[i], tokenStarts[i + 1]) of `tokens`: (maxRows + 1,) */
  readonly tokenStarts: Int32Array
  /** One a row, more where a row verified a draft: (maxSamples,), the larger of maxRows and maxTokens */
  readonly tokens: Int32Array
  /** A value of `RowStatus` for each row: (maxRows,) */
  readonly statuses: Int32Array
  /** Natural log-probability of `tokens[i]` before penalties and temperature, NaN where it was not asked for: (maxSamples,) */
  readonly logprobs: Float32Array
  /** For rows with `logprobs`: ids of the most likely tokens, best first, -1 past the slot's top-N: (maxSamples, maxLogprobs) */
  readonly topIds: Int32Array
  /** Their log-probabilities: (maxSamples, maxLogprobs) */
  readonly topLogprobs: Float32Array
  /**
   * For rows with `promptLogprobs`: entry i is the log-probability of the token that follows input
   * token i; NaN where none follows: (maxTokens,)
   */
  readonly promptLogprobs: Float32Array
  /** (maxTokens, maxLogprobs), as `topIds` and `topLogprobs` */
  readonly promptTopIds: Int32Array
  readonly promptTopLogprobs: Float32Array

  constructor (maxRows: number, maxTokens: number, maxLogprobs: number, buffer = new ArrayBuffer(outputBytes(maxRows, maxTokens, maxLogprobs))) {
    const cutter = new Cutter(buffer)
    const maxSamples = Math.max(maxRows, maxTokens)
    this.buffer = buffer
    this.timing = cutter.take(Float64Array, numTimes)
    this.tokenStarts = cutter.take(Int32Array, maxRows + 1)
    this.tokens = cutter.take(Int32Array, maxSamples)
    this.statuses = cutter.take(Int32Array, maxRows)
    this.logprobs = cutter.take(Float32Array, maxSamples)
    this.topIds = cutter.take(Int32Array, maxSamples * maxLogprobs)
    this.topLogprobs = cutter.take(Float32Array, maxSamples * maxLogprobs)
    this.promptLogprobs = cutter.take(Float32Array, maxTokens)
    this.promptTopIds = cutter.take(Int32Array, maxTokens * maxLogprobs)
    this.promptTopLogprobs = cutter.take(Float32Array, maxTokens * maxLogprobs)
  }
}
