import { EdgeKind, type Automaton } from './automaton.js'
import { GrammarError } from './errors.js'
import type { Expression, Rule } from './expression.js'
import { checkLeftRecursion, usefulStates } from './rule-analysis.js'
import { utf8Ranges } from './utf8-ranges.js'

/** Of one grammar: some 40 bytes each, and about a microsecond to make. */
export const maxGrammarStates = 250_000
/** Rules, parts and words; a bound for what is cheap in states and not in edges. */
const maxGrammarEdges = 1_000_000

export interface BuilderOptions {
  /** Bytes of the vocabulary's longest token: within that many, twins are alike. */
  readonly maxTokenBytes: number
  /** Rules that come first, always the same ones. */
  readonly sharedRules: readonly Rule[]
}

interface RulePlace {
  readonly rule: Rule
  readonly start: number
  readonly end: number
}

/** Makes the automaton of a rule and of all that it calls (Thompson's construction). */
export function buildAutomaton (root: Rule, options: BuilderOptions): Automaton {
  return new AutomatonBuilder(options).build(root)
}

class AutomatonBuilder {
  readonly #options: BuilderOptions
  /** Edges as they are made; sorted by state at the end. */
  readonly #from: number[] = []
  readonly #kinds: number[] = []
  readonly #lows: number[] = []
  readonly #highs: number[] = []
  readonly #targets: number[] = []
  readonly #twins: number[] = []
  readonly #places = new Map<Rule, RulePlace>()
  readonly #open: RulePlace[] = []
  #numStates = 0

  constructor (options: BuilderOptions) {
    this.#options = options
  }

  build (root: Rule): Automaton {
    for (const rule of this.#options.sharedRules) this.#place(rule)
    this.#buildOpen()
    const sharedStates = this.#numStates
    const { start } = this.#place(root)
    this.#buildOpen()
    const automaton = this.#flatten(start, sharedStates)
    checkLeftRecursion(automaton, new Map([...this.#places.values()].map(({ start, rule }) => [start, rule.name])))
    const useful = usefulStates(automaton)
    if (useful[start] === 0) throw new GrammarError('No text can fit it.')
    return withoutUseless(automaton, useful)
  }

  #place (rule: Rule): RulePlace {
    let place = this.#places.get(rule)
    if (place === undefined) {
      place = { rule, start: this.#addState(), end: this.#addState() }
      this.#places.set(rule, place)
      this.#open.push(place)
    }
    return place
  }

  #buildOpen (): void {
    for (let place = this.#open.pop(); place !== undefined; place = this.#open.pop()) {
      this.#build(place.rule.body, place.start, place.end)
    }
  }

  #addState (): number {
    if (this.#numStates >= maxGrammarStates) {
      throw new GrammarError(`It needs more than ${maxGrammarStates} states. Use fewer or smaller repetitions and alternatives.`)
    }
    this.#twins.push(this.#numStates)
    return this.#numStates++
  }

  #addEdge (from: number, kind: number, to: number, low = 0, high = 0): void {
    if (this.#from.length >= maxGrammarEdges) {
      throw new GrammarError(`It needs more than ${maxGrammarEdges} edges. Use fewer or smaller repetitions and alternatives.`)
    }
    this.#from.push(from)
    this.#kinds.push(kind)
    this.#targets.push(to)
    this.#lows.push(low)
    this.#highs.push(high)
  }

  #build (expression: Expression, from: number, to: number): void {
    switch (expression.kind) {
      case 'characters': this.#buildRows(utf8Ranges(expression.ranges), from, to); break
      case 'text': this.#buildWords([expression.text], from, to); break
      case 'words': this.#buildWords(expression.words, from, to); break
      case 'token': this.#addEdge(from, EdgeKind.token, to, expression.id, expression.id); break
      case 'sequence': this.#buildSequence(expression.parts, from, to); break
      case 'either': for (const part of expression.parts) this.#build(part, from, to); break
      case 'repeat': this.#buildRepeat(expression.part, expression.min, expression.max, from, to); break
      case 'call': this.#addEdge(from, EdgeKind.call, to, this.#place(expression.rule).start); break
    }
  }

  /** Rows of byte ranges with the same rest share its states. */
  #buildRows (rows: ReadonlyArray<readonly number[]>, from: number, to: number): void {
    const states = new Map<string, number>()
    for (const row of rows) {
      let target = to
      for (let i = row.length - 2; i > 0; i -= 2) {
        const key = row.slice(i).join(' ')
        let state = states.get(key)
        if (state === undefined) {
          states.set(key, state = this.#addState())
          this.#addEdge(state, EdgeKind.bytes, target, row[i], row[i + 1])
        }
        target = state
      }
      this.#addEdge(from, EdgeKind.bytes, target, row[0], row[1])
    }
  }

  /** Words with the same beginning share its states: a long list is not as many ways at once. */
  #buildWords (words: readonly string[], from: number, to: number): void {
    const next = new Map<number, number>()
    for (const word of words) {
      let state = from
      for (const byte of new TextEncoder().encode(word)) {
        const key = state * 256 + byte
        let following = next.get(key)
        if (following === undefined) {
          next.set(key, following = this.#addState())
          this.#addEdge(state, EdgeKind.bytes, following, byte, byte)
        }
        state = following
      }
      this.#addEdge(state, EdgeKind.empty, to)
    }
  }

  #buildSequence (parts: readonly Expression[], from: number, to: number): void {
    let state = from
    for (const [i, part] of parts.entries()) {
      const target = i === parts.length - 1 ? to : this.#addState()
      this.#build(part, state, target)
      state = target
    }
    if (parts.length === 0) this.#addEdge(from, EdgeKind.empty, to)
  }

  #buildRepeat (part: Expression, min: number, max: number, from: number, to: number): void {
    const copies: number[] = [from]
    const sizes: number[] = []
    const addCopy = (target: number): void => {
      const first = this.#numStates
      this.#build(part, copies[copies.length - 1]!, target)
      sizes.push(this.#numStates - first)
      copies.push(target)
    }
    for (let i = 0; i < min; i++) addCopy(this.#addState())
    if (max === Infinity) {
      const loop = this.#addState()
      this.#addEdge(copies[copies.length - 1]!, EdgeKind.empty, loop)
      this.#build(part, loop, loop)
      this.#addEdge(loop, EdgeKind.empty, to)
      return
    }
    this.#addEdge(copies[copies.length - 1]!, EdgeKind.empty, to)
    for (let i = min; i < max; i++) {
      addCopy(this.#addState())
      this.#addEdge(copies[copies.length - 1]!, EdgeKind.empty, to)
    }
    this.#pairTwins(copies, sizes, min)
  }

  /**
   * From copies of which more are to come than a token has bytes, every token leads the same way; so they need
   * to be looked at only once. Those where it may end already, and those where it may not, are two kinds.
   */
  #pairTwins (copies: readonly number[], sizes: readonly number[], min: number): void {
    const { maxTokenBytes } = this.#options
    const pair = (model: number, copy: number): void => {
      // The states of a copy lie in a row, after its target.
      if (sizes[model] !== sizes[copy]) return
      const distance = copies[copy + 1]! - copies[model + 1]!
      for (let i = 1; i <= sizes[model]!; i++) {
        const state = copies[model + 1]! + i
        this.#twins[state + distance] = this.#twins[state]!
      }
      if (copy > 0 && model > 0) this.#twins[copies[copy]!] = this.#twins[copies[model]!]!
    }
    const last = sizes.length - 1
    for (let copy = 2; copy < min - maxTokenBytes; copy++) pair(1, copy)
    for (let copy = min + 2; copy <= last - maxTokenBytes; copy++) pair(min + 1, copy)
  }

  #flatten (start: number, sharedStates: number): Automaton {
    const numEdges = this.#from.length
    const edgeStarts = new Int32Array(this.#numStates + 1)
    for (const from of this.#from) edgeStarts[from + 1]!++
    for (let state = 0; state < this.#numStates; state++) edgeStarts[state + 1]! += edgeStarts[state]!
    const places = edgeStarts.slice()
    const automaton: Automaton = {
      edgeStarts,
      edgeKinds: new Uint8Array(numEdges),
      lows: new Int32Array(numEdges),
      highs: new Int32Array(numEdges),
      targets: new Int32Array(numEdges),
      finals: new Uint8Array(this.#numStates),
      twins: Int32Array.from(this.#twins),
      start,
      sharedStates
    }
    for (let edge = 0; edge < numEdges; edge++) {
      const place = places[this.#from[edge]!]!++
      automaton.edgeKinds[place] = this.#kinds[edge]!
      automaton.lows[place] = this.#lows[edge]!
      automaton.highs[place] = this.#highs[edge]!
      automaton.targets[place] = this.#targets[edge]!
    }
    for (const { end } of this.#places.values()) automaton.finals[end] = 1
    return automaton
  }
}

/** Without the edges that lead nowhere: whatever fits so far can then be completed. */
function withoutUseless (automaton: Automaton, useful: Uint8Array): Automaton {
  const { edgeStarts, edgeKinds, lows, highs, targets } = automaton
  const kept: number[] = []
  const starts = new Int32Array(edgeStarts.length)
  for (let state = 0; state < edgeStarts.length - 1; state++) {
    for (let edge = edgeStarts[state]!; edge < edgeStarts[state + 1]!; edge++) {
      const isUseful = useful[targets[edge]!] === 1 && (edgeKinds[edge] !== EdgeKind.call || useful[lows[edge]!] === 1)
      if (isUseful) kept.push(edge)
    }
    starts[state + 1] = kept.length
  }
  if (kept.length === targets.length) return automaton
  return {
    ...automaton,
    edgeStarts: starts,
    edgeKinds: Uint8Array.from(kept, edge => edgeKinds[edge]!),
    lows: Int32Array.from(kept, edge => lows[edge]!),
    highs: Int32Array.from(kept, edge => highs[edge]!),
    targets: Int32Array.from(kept, edge => targets[edge]!)
  }
}
