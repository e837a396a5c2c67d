import { EdgeKind, type Automaton } from './automaton.js'
import { GrammarWorkError } from './errors.js'
import { bottom, bottomFrame, type Frame, type ParseState, type Stack } from './parse-state.js'

/** Places of a grammar where a text may stand at once: a grammar that is no more ambiguous than it needs has a few. */
const maxPlaces = 4096
/** States kept with what follows them, some 2 KiB each. */
const maxKnownStates = 1024
/** Ids of stacks, as numbers that fit beside a state in a key. */
const idBits = 2 ** 30

/**
 * Walks a grammar byte by byte. The places where a text may stand share their stacks (Tomita 1985's graph), so that
 * an ambiguous grammar costs what its automaton has states, not what it has parses. Everything that was walked once
 * is remembered: a second time it is a look into an array.
 */
export class Parser {
  readonly automaton: Automaton
  /** Counts what was done, in units of about a node of the vocabulary's tree. */
  work = 0
  /** Where it stops with an error. */
  workLimit = Infinity
  readonly #states = new Map<string, ParseState>()
  readonly #frames = new Map<number, Frame>()
  readonly #stacks = new Map<string, Stack>()
  readonly #returns = new Map<Stack, ParseState | null>()
  #numIds = 1

  constructor (automaton: Automaton) {
    this.automaton = automaton
  }

  /** So many stacks were made that it should be replaced before their ids run out. */
  get isWorn (): boolean {
    return this.#numIds > idBits / 2
  }

  start (): ParseState {
    return this.#close([this.automaton.start], [bottom])!
  }

  /** The end of the rule that is at the bottom here counts as the end. */
  within (state: number): ParseState {
    return this.#known([state], [bottom], false)
  }

  /** What follows after the stack's newest rule; null when that ends the text. */
  after (stack: Stack): ParseState | null {
    let state = this.#returns.get(stack)
    if (state === undefined) {
      const frames = stack.frames.filter(frame => frame !== bottomFrame)
      state = this.#close(frames.map(frame => frame.state), frames.map(frame => frame.below))
      this.#returns.set(stack, state)
    }
    return state
  }

  /** Null when nothing goes on with the byte. */
  step (from: ParseState, byte: number): ParseState | null {
    const next = from.next ??= new Array<undefined>(256)
    const known = next[byte]
    if (known !== undefined) return known
    return (next[byte] = this.#follow(from, EdgeKind.bytes, byte))
  }

  stepToken (from: ParseState, id: number): ParseState | null {
    return this.#follow(from, EdgeKind.token, id)
  }

  get isFull (): boolean {
    return this.#states.size > maxKnownStates
  }

  /** Forgets what was walked. Returns the state to go on with, in the place of the given one. */
  forget (current: ParseState): ParseState {
    this.#states.clear()
    this.#frames.clear()
    this.#stacks.clear()
    this.#returns.clear()
    return this.#known(current.states, current.stacks, current.ends)
  }

  #follow (from: ParseState, kind: number, value: number): ParseState | null {
    const { edgeStarts, edgeKinds, lows, highs, targets } = this.automaton
    const states: number[] = []
    const stacks: Stack[] = []
    for (let i = 0; i < from.states.length; i++) {
      const state = from.states[i]!
      const end = edgeStarts[state + 1]!
      this.#count(end - edgeStarts[state]!)
      for (let edge = edgeStarts[state]!; edge < end; edge++) {
        if (edgeKinds[edge] !== kind || value < lows[edge]! || value > highs[edge]!) continue
        states.push(targets[edge]!)
        stacks.push(from.stacks[i]!)
      }
    }
    return states.length === 0 ? null : this.#close(states, stacks)
  }

  /** Adds what is reached without a byte; keeps the places that a byte or token leads on from. */
  #close (states: number[], stacks: Stack[]): ParseState | null {
    const { edgeStarts, edgeKinds, lows, targets, finals } = this.automaton
    const seen = new Set<number>()
    const kept = new Map<number, Stack[]>()
    let ends = false
    const add = (state: number, stack: Stack): void => {
      const key = state * idBits + stack.id
      if (seen.has(key)) return
      if (seen.size >= maxPlaces) throw new GrammarWorkError(`The grammar is too ambiguous: the answer may stand at more than ${maxPlaces} of its places at once.`)
      seen.add(key)
      states.push(state)
      stacks.push(stack)
    }
    for (let i = 0; i < states.length; i++) {
      const state = states[i]!
      const stack = stacks[i]!
      let leadsOn = false
      const end = edgeStarts[state + 1]!
      this.#count(8 + end - edgeStarts[state]!)
      for (let edge = edgeStarts[state]!; edge < end; edge++) {
        switch (edgeKinds[edge]) {
          case EdgeKind.empty: add(targets[edge]!, stack); break
          case EdgeKind.call: add(lows[edge]!, this.#pushed(targets[edge]!, stack)); break
          default: leadsOn = true
        }
      }
      if (leadsOn) {
        const others = kept.get(state)
        if (others === undefined) kept.set(state, [stack])
        else if (!others.includes(stack)) others.push(stack)
      }
      if (finals[state] === 0) continue
      for (const frame of stack.frames) {
        if (frame === bottomFrame) ends = true
        else add(frame.state, frame.below)
      }
    }
    if (kept.size === 0 && !ends) return null
    const ordered = [...kept.keys()].sort((a, b) => a - b)
    return this.#known(ordered, ordered.map(state => this.#joined(kept.get(state)!)), ends)
  }

  /** A rule that ends with what it calls leaves nothing behind. */
  #pushed (state: number, below: Stack): Stack {
    const { edgeStarts, finals } = this.automaton
    if (finals[state] === 1 && edgeStarts[state] === edgeStarts[state + 1]) return below
    return this.#stackOf([this.#frameOf(state, below)])
  }

  #joined (stacks: readonly Stack[]): Stack {
    if (stacks.length === 1) return stacks[0]!
    const frames = new Set(stacks.flatMap(stack => stack.frames))
    return this.#stackOf([...frames].sort((a, b) => a.id - b.id))
  }

  #frameOf (state: number, below: Stack): Frame {
    const key = state * idBits + below.id
    let frame = this.#frames.get(key)
    if (frame === undefined) this.#frames.set(key, frame = { id: this.#newId(), state, below })
    return frame
  }

  #stackOf (frames: readonly Frame[]): Stack {
    this.#count(frames.length)
    const key = frames.map(frame => frame.id).join(' ')
    let stack = this.#stacks.get(key)
    if (stack === undefined) this.#stacks.set(key, stack = { id: this.#newId(), frames })
    return stack
  }

  #known (states: readonly number[], stacks: readonly Stack[], ends: boolean): ParseState {
    this.#count(16 + 4 * states.length)
    const key = `${ends ? 1 : 0} ${states.map((state, i) => `${state}:${stacks[i]!.id}`).join(' ')}`
    let state = this.#states.get(key)
    if (state === undefined) this.#states.set(key, state = { states, stacks, ends, next: undefined, mask: undefined })
    return state
  }

  #newId (): number {
    return this.#numIds++
  }

  #count (units: number): void {
    this.work += units
    if (this.work > this.workLimit) throw new GrammarWorkError('Finding the tokens that may follow takes too much work here. Use a simpler grammar.')
  }
}
