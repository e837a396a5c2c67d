import { EdgeKind, type Automaton } from './automaton.js'
import { GrammarError } from './errors.js'

/** Edges by the state that they lead to, with the calls of each rule. */
interface ReverseEdges {
  /** Of state s: [starts[s], starts[s + 1]) of `edges`. */
  readonly starts: Int32Array
  readonly edges: Int32Array
  /** The state that each edge leaves: (edges,) */
  readonly sources: Int32Array
  /** Edges that call the rule that starts at a state. */
  readonly callsOf: ReadonlyMap<number, readonly number[]>
}

/**
 * 1 for states from which their rule's end can be reached: (states,). Walks backwards; a call counts once the rule
 * that it calls is known to end.
 */
export function usefulStates (automaton: Automaton): Uint8Array {
  return statesThatEnd(automaton, () => true)
}

/** 1 for states from which their rule's end can be reached without a byte: (states,) */
function emptyStates (automaton: Automaton): Uint8Array {
  return statesThatEnd(automaton, kind => kind === EdgeKind.empty || kind === EdgeKind.call)
}

function statesThatEnd (automaton: Automaton, canTake: (kind: number) => boolean): Uint8Array {
  const { edgeKinds, lows, targets, finals } = automaton
  const reverse = reverseEdges(automaton)
  const ends = new Uint8Array(finals.length)
  const open: number[] = []
  const add = (state: number): void => {
    if (ends[state] === 1) return
    ends[state] = 1
    open.push(state)
  }
  const take = (edge: number): void => {
    const kind = edgeKinds[edge]!
    if (!canTake(kind) || ends[targets[edge]!] === 0) return
    if (kind === EdgeKind.call && ends[lows[edge]!] === 0) return
    add(reverse.sources[edge]!)
  }
  finals.forEach((isFinal, state) => { if (isFinal === 1) add(state) })
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    for (let i = reverse.starts[state]!; i < reverse.starts[state + 1]!; i++) take(reverse.edges[i]!)
    for (const edge of reverse.callsOf.get(state) ?? []) take(edge)
  }
  return ends
}

function reverseEdges ({ edgeStarts, edgeKinds, lows, targets }: Automaton): ReverseEdges {
  const numStates = edgeStarts.length - 1
  const starts = new Int32Array(numStates + 1)
  for (const target of targets) starts[target + 1]!++
  for (let state = 0; state < numStates; state++) starts[state + 1]! += starts[state]!
  const places = starts.slice()
  const edges = new Int32Array(targets.length)
  const sources = new Int32Array(targets.length)
  const callsOf = new Map<number, number[]>()
  for (let state = 0; state < numStates; state++) {
    for (let edge = edgeStarts[state]!; edge < edgeStarts[state + 1]!; edge++) {
      sources[edge] = state
      edges[places[targets[edge]!]!++] = edge
      if (edgeKinds[edge] !== EdgeKind.call) continue
      const calls = callsOf.get(lows[edge]!)
      if (calls === undefined) callsOf.set(lows[edge]!, [edge])
      else calls.push(edge)
    }
  }
  return { starts, edges, sources, callsOf }
}

/**
 * A rule that can call itself before a byte is taken would call itself for ever.
 *
 * @param names - of rules, by their first state
 * @throws GrammarError
 */
export function checkLeftRecursion (automaton: Automaton, names: ReadonlyMap<number, string>): void {
  const empty = emptyStates(automaton)
  const states = new Map<number, 'open' | 'done'>()
  // An own stack: rules can be a long chain.
  for (const start of names.keys()) {
    if (states.has(start)) continue
    const path = [{ start, called: firstCalls(automaton, empty, start), next: 0 }]
    states.set(start, 'open')
    while (path.length > 0) {
      const top = path[path.length - 1]!
      const called = top.called[top.next++]
      if (called === undefined) {
        states.set(top.start, 'done')
        path.pop()
      } else if (states.get(called) === 'open') {
        throw new GrammarError(`The rule ${names.get(called)!} can begin with itself (left recursion), which is not supported. Write it as a repetition.`)
      } else if (!states.has(called)) {
        states.set(called, 'open')
        path.push({ start: called, called: firstCalls(automaton, empty, called), next: 0 })
      }
    }
  }
}

/** First states of the rules that are called from here before a byte is taken. */
function firstCalls ({ edgeStarts, edgeKinds, lows, targets }: Automaton, empty: Uint8Array, start: number): number[] {
  const seen = new Set([start])
  const calls = new Set<number>()
  for (const state of seen) {
    for (let edge = edgeStarts[state]!; edge < edgeStarts[state + 1]!; edge++) {
      const kind = edgeKinds[edge]
      if (kind === EdgeKind.call) calls.add(lows[edge]!)
      if (kind === EdgeKind.empty || (kind === EdgeKind.call && empty[lows[edge]!] === 1)) seen.add(targets[edge]!)
    }
  }
  return [...calls]
}
