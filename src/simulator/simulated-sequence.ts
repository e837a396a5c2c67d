import { Sequence, type SequenceOptions } from '../scheduler/sequence.js'
import type { RequestProgress } from './request-progress.js'

/** One turn of a request: up to its next tool call, or to its end. */
export class SimulatedSequence extends Sequence {
  readonly progress: RequestProgress
  /** When it was added; its arrival may be that of its request. */
  readonly queuedMs: number
  /** What it says before it stops; the scheduler does not know. */
  readonly outputTokens: number
  /** Id of the token at a position of the text. */
  readonly textAt: (position: number) => number

  constructor (
    options: SequenceOptions, progress: RequestProgress, queuedMs: number, textAt: (position: number) => number
  ) {
    super(options)
    this.progress = progress
    this.queuedMs = queuedMs
    this.outputTokens = progress.turnTokens
    this.textAt = textAt
  }
}
