/** Kinds of `Automaton.edgeKinds`. */
export const EdgeKind = {
  /** A byte of [low, high]. */
  bytes: 0,
  /** Nothing. */
  empty: 1,
  /** All of a rule, whose first state is `low`; it goes on at the edge's target. */
  call: 2,
  /** The special token `low`. */
  token: 3
} as const

/**
 * A grammar as a machine over bytes: rules are non-deterministic automata that call each other. Flat, so that it can
 * be handed from thread to thread.
 */
export interface Automaton {
  /** Edges of state s are [edgeStarts[s], edgeStarts[s + 1]): (states + 1,) */
  readonly edgeStarts: Int32Array
  /** Values of `EdgeKind`: (edges,) */
  readonly edgeKinds: Uint8Array
  readonly lows: Int32Array
  readonly highs: Int32Array
  readonly targets: Int32Array
  /** 1 where a rule may end: (states,) */
  readonly finals: Uint8Array
  /** A state that can be looked at instead of this one, as long as no token is longer than that many bytes: (states,) */
  readonly twins: Int32Array
  readonly start: number
  /** States below are those of JSON's own rules, which all automata share. */
  readonly sharedStates: number
}
