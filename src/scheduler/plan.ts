import { StepInput } from '../core/step-arrays.js'
import type { Sequence } from './sequence.js'

/** What `commit` made of a row. */
export const RowOutcome = {
  /** Its sequence had ended: the result was dropped. */
  dropped: 0,
  /** A part of a prompt was computed. */
  computed: 1,
  /** One token was appended to the sequence, or as many as a draft was right for; it may have ended with the last. */
  token: 2,
  /** The row failed, and its sequence with it. */
  failed: 3
} as const

/**
 * One step's rows, in the form that the native step reads. Reused: its content is the engine's from `plan`
 * until the `plan` after the one that follows its `commit`.
 */
export class Plan<S extends Sequence = Sequence> extends StepInput {
  /** Rises by one with each plan; 0 is none. */
  id = 0
  numTokens = 0
  /** `Sequence.epoch` when the row was planned: (maxRows,) */
  readonly epochs: Int32Array
  /** Values of `RowOutcome`, valid after `commit`: (maxRows,) */
  readonly outcomes: Uint8Array
  /** (numRows,) */
  readonly sequences: S[] = []

  constructor (maxRows: number, maxTokens: number) {
    super(maxRows, maxTokens)
    this.epochs = new Int32Array(maxRows)
    this.outcomes = new Uint8Array(maxRows)
  }

  get isFull (): boolean {
    return this.numRows === this.slots.length
  }

  /** Empties it for a new plan. */
  start (id: number): void {
    this.id = id
    this.numRows = 0
    this.numTokens = 0
    this.sequences.length = 0
  }

  /** A row of the sequence's tokens [start, start + count). Those that are not known are `draft`'s, or placeholders. */
  addRow (sequence: S, start: number, count: number, outputs: number, draft?: Int32Array): void {
    const row = this.numRows++
    this.sequences.push(sequence)
    this.slots[row] = sequence.slot!
    this.positions[row] = start
    this.outputs[row] = outputs
    this.nextTokenIds[row] = start + count < sequence.promptTokens ? sequence.tokens[start + count]! : -1
    this.epochs[row] = sequence.epoch
    for (let position = start; position < start + count; position++) {
      const known = position < sequence.numTokens
      this.tokenIds[this.numTokens++] = known ? sequence.tokens[position]! : draft?.[position - sequence.numTokens] ?? -1
    }
    this.queryStarts[row + 1] = this.numTokens
  }
}
