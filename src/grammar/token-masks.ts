import { EdgeKind } from './automaton.js'
import { GrammarWorkError } from './errors.js'
import type { ParseState, Stack } from './parse-state.js'
import type { Parser } from './parser.js'
import type { TokenTrie } from './token-trie.js'

/** Tokens that may follow at one state of a rule, as far as that rule decides it. */
interface RuleTokens {
  /** Of (ceil(vocabSize / 32),) words, when they are many. */
  readonly bits: Int32Array | undefined
  /** When they are few. */
  readonly ids: readonly number[]
  /** Nodes of the vocabulary's tree at which the rule may end within longer tokens. */
  readonly exits: readonly number[]
}

/** A vocabulary with what was found out of it for JSON's own rules, which all grammars share. */
export class MaskVocabulary {
  readonly trie: TokenTrie
  readonly eosIds: readonly number[]
  readonly shared = new Map<number, RuleTokens>()

  constructor (trie: TokenTrie, eosIds: readonly number[]) {
    this.trie = trie
    this.eosIds = eosIds
  }

  get numWords (): number {
    return Math.ceil(this.trie.vocabSize / 32)
  }

  /** Work of a walk through the whole vocabulary, and of small grammars. */
  get walkWork (): number {
    return this.trie.bytes.length + 50_000
  }
}

const maxCachedBytes = 16 * 2 ** 20

/**
 * Which tokens may follow. What a rule decides alone is found once for each of its states; only the tokens in which
 * the rule ends are looked at again with what stands around it (as XGrammar does: Dong et al. 2024, arXiv:2411.15100).
 */
export class TokenMasks {
  readonly parser: Parser
  readonly #vocabulary: MaskVocabulary
  readonly #own = new Map<number, RuleTokens>()
  #cachedBytes = 0
  /** The parse state at each depth of a walk. */
  readonly #path: Array<ParseState | null>

  constructor (parser: Parser, vocabulary: MaskVocabulary) {
    this.parser = parser
    this.#vocabulary = vocabulary
    this.#path = new Array<null>(vocabulary.trie.maxTokenBytes + 1).fill(null)
  }

  /** Keeps memory bounded. To be called between two uses: returns the state to go on with. */
  tidy (current: ParseState): ParseState {
    if (this.#cachedBytes <= maxCachedBytes && !this.parser.isFull) return current
    this.#own.clear()
    this.#cachedBytes = 0
    return this.parser.forget(current)
  }

  /** Bit k & 31 of word k >> 5: token k may follow. Not to be written to. */
  of (state: ParseState): Int32Array {
    if (state.mask !== undefined) return state.mask
    const mask = new Int32Array(this.#vocabulary.numWords)
    for (let i = 0; i < state.states.length; i++) this.#addTokens(state.states[i]!, state.stacks[i]!, mask)
    if (state.ends) for (const id of this.#vocabulary.eosIds) setBit(mask, id)
    this.#cachedBytes += mask.byteLength
    return (state.mask = mask)
  }

  #addTokens (state: number, stack: Stack, mask: Int32Array): void {
    const { parser } = this
    const { edgeStarts, edgeKinds, lows } = parser.automaton
    for (let edge = edgeStarts[state]!; edge < edgeStarts[state + 1]!; edge++) {
      if (edgeKinds[edge] === EdgeKind.token) setBit(mask, lows[edge]!)
    }
    const { bits, ids, exits } = this.#ruleTokens(state)
    if (bits !== undefined) for (let word = 0; word < mask.length; word++) mask[word]! |= bits[word]!
    for (const id of ids) setBit(mask, id)
    const after = exits.length === 0 ? null : parser.after(stack)
    if (after === null || after.states.length === 0) return
    const { ends } = this.#vocabulary.trie
    for (const node of exits) this.#walk(node + 1, ends[node]!, after, mask)
  }

  #ruleTokens (state: number): RuleTokens {
    const { twins, sharedStates } = this.parser.automaton
    const twin = twins[state]!
    const cache = twin < sharedStates ? this.#vocabulary.shared : this.#own
    let tokens = cache.get(twin)
    if (tokens === undefined) {
      cache.set(twin, tokens = this.#findRuleTokens(twin))
      if (cache === this.#own) this.#cachedBytes += (tokens.bits?.byteLength ?? 0) + 8 * (tokens.ids.length + tokens.exits.length)
    }
    return tokens
  }

  #findRuleTokens (state: number): RuleTokens {
    const { trie, numWords } = this.#vocabulary
    const bits = new Int32Array(numWords)
    const exits: number[] = []
    this.#walk(0, trie.bytes.length, this.parser.within(state), bits, exits)
    const ids = fewIds(bits)
    return { bits: ids === undefined ? bits : undefined, ids: ids ?? [], exits }
  }

  /** Sets the bits of the tokens that end at nodes [from, to) and fit, below a node at which `start` is reached. */
  #walk (from: number, to: number, start: ParseState, bits: Int32Array, exits?: number[]): void {
    if (from === to) return
    const { bytes, depths, ends, tokens, sameBytes } = this.#vocabulary.trie
    const { parser } = this
    const path = this.#path
    path[depths[from]! - 1] = start
    let visited = 0
    for (let node = from; node < to;) {
      visited++
      const depth = depths[node]!
      const above = path[depth - 1]!
      const known = above.next?.[bytes[node]!]
      const state = known === undefined ? parser.step(above, bytes[node]!) : known
      const end = ends[node]!
      if (state === null) {
        node = end
        continue
      }
      for (let id = tokens[node]!; id >= 0; id = sameBytes[id]!) setBit(bits, id)
      if (state.ends && end > node + 1) exits?.push(node)
      if (state.states.length === 0) {
        node = end
        continue
      }
      path[depth] = state
      node++
    }
    parser.work += visited
    if (parser.work > parser.workLimit) throw new GrammarWorkError('Finding the tokens that may follow takes too much work here. Use a simpler grammar.')
  }
}

function setBit (bits: Int32Array, id: number): void {
  bits[id >> 5]! |= 1 << (id & 31)
}

/** The ids, when they take less memory than the bits. */
function fewIds (bits: Int32Array): number[] | undefined {
  const ids: number[] = []
  for (let word = 0; word < bits.length; word++) {
    for (let rest = bits[word]!; rest !== 0; rest &= rest - 1) {
      ids.push(word * 32 + 31 - Math.clz32(rest & -rest))
      if (ids.length > bits.length / 2) return undefined
    }
  }
  return ids
}
