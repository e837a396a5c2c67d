import { ConstraintError } from '../core/errors.js'
import { GrammarWorkError } from '../grammar/errors.js'
import type { GrammarTokens } from '../grammar/grammars.js'
import type { GrammarMatcher } from '../grammar/matcher.js'
import type { Vocabulary } from '../grammar/token-trie.js'
import { RowOutput, type NativeModel, type Slot } from '../native/binding.js'
import { RowOutcome } from '../scheduler/plan.js'
import type { EngineParts } from './engine-model.js'
import type { EngineSequence } from './engine-sequence.js'
import type { EnginePlan } from './step-loop.js'

/** Where one sequence stands within its grammar: a function of its tokens, so that a preemption changes nothing. */
export class SequenceConstraint {
  readonly #matcher: GrammarMatcher
  #accepted = 0
  /** Why the sequence's next row fails. */
  error: ConstraintError | undefined

  constructor (matcher: GrammarMatcher) {
    this.#matcher = matcher
  }

  /** For the token after those that are known. Undefined when there is none, with the reason in `error`. */
  nextMask ({ tokens, promptTokens, numTokens }: EngineSequence): Int32Array | undefined {
    try {
      while (promptTokens + this.#accepted < numTokens) {
        const id = tokens[promptTokens + this.#accepted++]!
        if (!this.#matcher.accept(id)) throw new GrammarWorkError(`Token ${id} was sampled, which does not fit.`)
      }
      return this.#matcher.mask()
    } catch (error) {
      if (!(error instanceof GrammarWorkError)) throw error
      this.error = new ConstraintError(error.message)
      return undefined
    }
  }
}

/** Masks that were computed, and the time of the program's thread that they took. */
export interface MaskCounts {
  masks: number
  maskMs: number
}

/**
 * Gives the rows that wait for masks theirs, as soon as all tokens before them are known: with the row itself, or
 * while its step is running already.
 */
export class MaskSetter {
  readonly counts: MaskCounts = { masks: 0, maskMs: 0 }
  readonly #model: NativeModel
  /** Allows nothing: the row fails, and no other with it. */
  readonly #nothing: Int32Array

  constructor (model: NativeModel, vocabSize: number) {
    this.#model = model
    this.#nothing = new Int32Array(Math.ceil(vocabSize / 32))
  }

  /** The plan's rows are counted among `pendingSamples`. */
  beforeStep (plan: EnginePlan): void {
    for (let row = 0; row < plan.numRows; row++) {
      const sequence = plan.sequences[row]!
      if ((plan.outputs[row]! & RowOutput.awaitMask) !== 0 && sequence.pendingSamples === 1) this.#set(sequence)
    }
  }

  afterCommit (plan: EnginePlan): void {
    for (let row = 0; row < plan.numRows; row++) {
      const sequence = plan.sequences[row]!
      if (!sequence.isMasked || plan.outcomes[row] !== RowOutcome.token) continue
      if (sequence.state !== 'ended' && sequence.pendingSamples === 1) this.#set(sequence)
    }
  }

  #set (sequence: EngineSequence): void {
    const startMs = performance.now()
    const mask = sequence.constraint!.nextMask(sequence)
    this.counts.masks++
    this.counts.maskMs += performance.now() - startMs
    this.#model.setMask(sequence.slot as Slot, mask ?? this.#nothing)
  }
}

/** A model's tokens as grammars see them: special ones and those that end an answer have no text. */
export function grammarTokens ({ tokenizer, spec, eosIds }: EngineParts): GrammarTokens {
  return {
    eosIds,
    specialId: text => {
      const id = tokenizer.idOf(text)
      return id !== undefined && tokenizer.isSpecial(id) ? id : undefined
    },
    vocabulary: () => vocabularyOf(spec.vocabSize, id => tokenizer.isSpecial(id) || eosIds.includes(id) ? noBytes : tokenizer.tokenBytes(id))
  }
}

const noBytes = new Uint8Array(0)

function vocabularyOf (size: number, bytesOf: (id: number) => Uint8Array): Vocabulary {
  const starts = new Int32Array(size + 1)
  for (let id = 0; id < size; id++) starts[id + 1] = starts[id]! + bytesOf(id).length
  const bytes = new Uint8Array(starts[size]!)
  for (let id = 0; id < size; id++) bytes.set(bytesOf(id), starts[id])
  return { size, starts, bytes }
}
