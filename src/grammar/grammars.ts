import { InvalidParameterError } from '../core/errors.js'
import { SharedWork } from '../threads/shared-work.js'
import type { SpecialIds } from './compile.js'
import { CompileThread, defaultCompileLimits, type CompileLimits } from './compile-thread.js'
import { checkConstraint, type Constraint } from './constraint.js'
import { GrammarError } from './errors.js'
import { GrammarMatcher } from './matcher.js'
import { Parser } from './parser.js'
import { MaskVocabulary, TokenMasks } from './token-masks.js'
import type { Vocabulary } from './token-trie.js'

/** A constraint that answers can be held to. What one of them finds out serves the others. */
export interface Grammar {
  /** Of one answer. */
  matcher (): GrammarMatcher
}

/** What grammars need of a tokenizer. */
export interface GrammarTokens {
  /** Every token's bytes; asked for once, with the first constraint. */
  vocabulary (): Vocabulary
  /** Tokens that end an answer. */
  readonly eosIds: readonly number[]
  /** Undefined when there is no special token of that name. */
  specialId (text: string): number | undefined
}

/** Grammars that are kept for the requests to come. */
const maxKept = 32

interface PreparedVocabulary {
  readonly vocabulary: Vocabulary
  readonly masks: MaskVocabulary
}

interface KeptGrammar extends Grammar {
  readonly isWorn: boolean
}

/** Constraints by what became of them; those that were ready are not counted. */
export interface GrammarCounts {
  compiled: number
  /** What could not be kept, or took too much. */
  refused: number
}

/** Constraints made ready for use. Equal ones are made once. */
export class Grammars {
  readonly counts: GrammarCounts = { compiled: 0, refused: 0 }
  readonly #tokens: GrammarTokens
  readonly #thread: CompileThread
  #prepared: Promise<PreparedVocabulary> | undefined
  /** By the constraint as JSON, least recently used first. */
  readonly #kept = new Map<string, SharedWork<KeptGrammar>>()

  constructor (tokens: GrammarTokens, limits: CompileLimits = defaultCompileLimits) {
    this.#tokens = tokens
    this.#thread = new CompileThread(limits)
  }

  /**
   * @throws InvalidParameterError that names the place within the constraint; OverloadedError; and the signal's reason
   */
  async grammar (constraint: Constraint, signal?: AbortSignal): Promise<Grammar> {
    try {
      return await this.find(constraint, signal)
    } catch (error) {
      if (signal?.aborted !== true) this.counts.refused++
      throw error
    }
  }

  /** The same, of what is asked only to say what is wrong: it is not counted as refused. */
  async find (constraint: Constraint, signal?: AbortSignal): Promise<Grammar> {
    checkConstraint(constraint)
    if (this.#tokens.eosIds.length === 0) throw new InvalidParameterError('constraint', 'The model has no token that ends an answer, which a constraint needs.')
    const specialIds = this.#specialIds(constraint, 'constraint')
    const key = JSON.stringify(constraint)
    for (;;) {
      const work = this.#work(key, specialIds)
      try {
        return await work.wait(signal)
      } catch (error) {
        signal?.throwIfAborted()
        if (this.#kept.get(key) === work) this.#kept.delete(key)
        // The others who waited for it had left before this one came.
        if (!work.isGivenUp) throw asParameterError(error)
      }
    }
  }

  async close (): Promise<void> {
    await this.#thread.close()
  }

  /** What is kept for the key, or begun for it. */
  #work (key: string, specialIds: SpecialIds): SharedWork<KeptGrammar> {
    const kept = this.#kept.get(key)
    const work = kept === undefined || kept.value?.isWorn === true
      ? new SharedWork(async signal => await this.#make(key, specialIds, signal))
      : kept
    this.#kept.delete(key)
    this.#kept.set(key, work)
    if (this.#kept.size > maxKept) this.#kept.delete(this.#kept.keys().next().value!)
    return work
  }

  async #make (constraint: string, specialIds: SpecialIds, signal: AbortSignal): Promise<KeptGrammar> {
    const { vocabulary, masks } = await this.#vocabulary()
    const { automaton } = await this.#thread.run({ kind: 'constraint', constraint, specialIds, maxTokenBytes: masks.trie.maxTokenBytes }, 'automaton', signal)
    this.counts.compiled++
    const parser = new Parser(automaton)
    const tokenMasks = new TokenMasks(parser, masks)
    return {
      get isWorn () { return parser.isWorn },
      matcher: () => new GrammarMatcher(tokenMasks, vocabulary, masks)
    }
  }

  async #vocabulary (): Promise<PreparedVocabulary> {
    this.#prepared ??= this.#prepare()
    try {
      return await this.#prepared
    } catch (error) {
      this.#prepared = undefined
      throw error
    }
  }

  async #prepare (): Promise<PreparedVocabulary> {
    const vocabulary = this.#tokens.vocabulary()
    const { trie } = await this.#thread.run({ kind: 'vocabulary', vocabulary }, 'trie')
    return { vocabulary, masks: new MaskVocabulary(trie, this.#tokens.eosIds) }
  }

  #specialIds (constraint: Constraint, param: string): SpecialIds {
    switch (constraint.type) {
      case 'text': {
        if (constraint.special !== true) return {}
        const id = this.#tokens.specialId(constraint.text)
        if (id === undefined) throw new InvalidParameterError(`${param}.text`, `The model has no special token ${JSON.stringify(constraint.text.slice(0, 80))}.`)
        return { [constraint.text]: id }
      }
      case 'sequence': case 'anyOf':
        return Object.assign({}, ...constraint.parts.map((part, i) => this.#specialIds(part, `${param}.parts[${i}]`))) as SpecialIds
      case 'repeat': return this.#specialIds(constraint.part, `${param}.part`)
      default: return {}
    }
  }
}

function asParameterError (error: unknown): unknown {
  if (!(error instanceof GrammarError)) return error
  const param = error.path === '' ? 'constraint' : `constraint.${error.path}`
  return new InvalidParameterError(param, `${param}: ${error.message}`)
}
