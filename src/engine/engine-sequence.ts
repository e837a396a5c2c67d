import type { SamplingParams } from '../core/sampling-params.js'
import type { SlotParams } from '../native/binding.js'
import type { LengthPrediction } from '../profiler/length-predictor.js'
import { Sequence, type SequenceOptions } from '../scheduler/sequence.js'
import type { ChoiceMessages } from './choice-messages.js'
import type { ChoiceOutput } from './choice-output.js'
import type { EngineRequest } from './engine-request.js'
import type { SequenceConstraint } from './sequence-constraint.js'

/** What a sequence is to the engine. */
export interface SequenceParts {
  readonly request: EngineRequest
  readonly params: SamplingParams
  readonly promptIds: Int32Array
  readonly prediction: LengthPrediction
  /** Of its choice, as `chat` is: the choice's other sequences have the same. */
  readonly output: ChoiceOutput
  readonly seed: bigint
  /** Undefined where the engine reads no calls of tools. */
  readonly chat: ChoiceMessages | undefined
  readonly constraint: SequenceConstraint | undefined
}

/** One choice of a request, or one round of it: what the scheduler runs, with where its tokens go. */
export class EngineSequence extends Sequence {
  readonly parts: SequenceParts
  readonly request: EngineRequest
  readonly promptIds: Int32Array
  readonly prediction: LengthPrediction
  readonly output: ChoiceOutput
  readonly seed: bigint
  readonly chat: ChoiceMessages | undefined
  readonly constraint: SequenceConstraint | undefined
  /** NaN = none yet: a field that is always a number costs no memory when it changes. */
  firstTokenMs = NaN
  lastTokenMs = NaN
  /** When its choice ended, where that was later than its last token: a tool ran. */
  choiceEndMs: number | undefined

  constructor (options: SequenceOptions, parts: SequenceParts) {
    super(options)
    this.parts = parts
    this.request = parts.request
    this.promptIds = parts.promptIds
    this.prediction = parts.prediction
    this.output = parts.output
    this.seed = parts.seed
    this.chat = parts.chat
    this.constraint = parts.constraint
  }
}

/** Sampling as the native side takes it. `maxTokens` is what the scheduler left of the request's. */
export function slotParams (params: SamplingParams, seed: bigint, maxTokens: number, eosIds: readonly number[]): SlotParams {
  const stopTokenIds = params.ignoreEos ? params.stopTokenIds : [...eosIds, ...params.stopTokenIds]
  return {
    temperature: params.temperature,
    topK: params.topK,
    topP: params.topP,
    minP: params.minP,
    repetitionPenalty: params.repetitionPenalty,
    frequencyPenalty: params.frequencyPenalty,
    presencePenalty: params.presencePenalty,
    seed,
    stopTokenIds: Int32Array.from(stopTokenIds),
    minTokens: params.minTokens,
    // A request that samples nothing still has a slot.
    maxTokens: Math.max(1, maxTokens),
    topLogprobs: params.topLogprobs,
    biasIds: Int32Array.from(Object.keys(params.logitBias), Number),
    biases: Float32Array.from(Object.values(params.logitBias))
  }
}
