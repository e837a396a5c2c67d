import type { SamplingParams } from '../core/sampling-params.js'
import type { SlotParams } from '../native/binding.js'
import { Sequence, type SequenceOptions } from '../scheduler/sequence.js'
import type { ChoiceOutput } from './choice-output.js'
import type { EngineRequest } from './engine-request.js'

/** One choice of a request: what the scheduler runs, with where its tokens go. */
export class EngineSequence extends Sequence {
  readonly request: EngineRequest
  readonly output: ChoiceOutput
  readonly seed: bigint
  /** NaN = none yet: a field that is always a number costs no memory when it changes. */
  firstTokenMs = NaN
  lastTokenMs = NaN

  constructor (options: SequenceOptions, request: EngineRequest, output: ChoiceOutput, seed: bigint) {
    super(options)
    this.request = request
    this.output = output
    this.seed = seed
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
