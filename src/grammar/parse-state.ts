/** Where a rule goes on when one that it called has ended. */
export interface Frame {
  readonly id: number
  readonly state: number
  readonly below: Stack
}

/** What may come after the present rule: any of the frames. Equal stacks are the same object. */
export interface Stack {
  readonly id: number
  readonly frames: readonly Frame[]
}

/** Below the first rule: its end is the text's. */
export const bottomFrame: Frame = { id: 0, state: -1, get below () { return bottom } }
export const bottom: Stack = { id: 0, frames: [bottomFrame] }

/**
 * Where a text stands within its grammar: every state that it may have come to, each with what follows there.
 * Equal ones are the same object, as long as they are known.
 */
export interface ParseState {
  /** Ascending; each leads on by a byte or a special token. */
  readonly states: readonly number[]
  /** (states,) */
  readonly stacks: readonly Stack[]
  /** The text may end here. */
  readonly ends: boolean
  /** By byte; null: no text goes on with it; undefined: not known yet. */
  next: Array<ParseState | null | undefined> | undefined
  /** Tokens that may follow, once asked for. */
  mask: Int32Array | undefined
}
