import { deriveSeed } from '../core/seed.js'
import { reasoningMarkup } from '../model/chat/reasoning.js'
import type { LengthPrediction } from '../profiler/length-predictor.js'
import type { ExpectedWait } from '../scheduler/parked-kv.js'
import type { SequenceOptions } from '../scheduler/sequence.js'
import { CallFilter } from './call-filter.js'
import { callIds } from './call-ids.js'
import { ChoiceMessages } from './choice-messages.js'
import { type AnswerFilters, ChoiceOutput } from './choice-output.js'
import type { EngineParts } from './engine-model.js'
import type { EngineRequest } from './engine-request.js'
import { EngineSequence } from './engine-sequence.js'
import type { PrefixKeys } from './prefix-keys.js'
import { ReasoningFilter } from './reasoning-filter.js'
import { SequenceConstraint } from './sequence-constraint.js'
import { specialTokens } from './special-tokens.js'

export interface SequenceMakerOptions {
  readonly parts: EngineParts
  readonly keys: PrefixKeys
  /** Of the requests that have no seed. */
  readonly engineSeed: bigint
  /** Of answers that may call tools, until they are read. */
  readonly expectedWait: ExpectedWait
}

/** What a token's probability is must not depend on the one before it, but through the model: else a draft cannot be verified. */
function draftTokens ({ speculativeDecoding, numSpeculativeTokens }: EngineParts['options'], { params, grammar }: EngineRequest): number {
  const { repetitionPenalty, frequencyPenalty, presencePenalty } = params!
  const hasPenalties = repetitionPenalty !== 1 || frequencyPenalty !== 0 || presencePenalty !== 0
  return speculativeDecoding === 'none' || hasPenalties || grammar !== undefined ? 0 : numSpeculativeTokens
}

/** Of the rounds after tools: no choice has that number. */
const roundSeedIndex = 2 ** 31

/** Makes the sequences of requests: one for each choice, and another for each round of it that tools lead to. */
export class SequenceMaker {
  readonly #options: SequenceMakerOptions
  #numRequests = 0
  #numSequences = 0

  constructor (options: SequenceMakerOptions) {
    this.#options = options
  }

  first (request: EngineRequest): EngineSequence[] {
    const { tokenizer } = this.#options.parts
    const params = request.params!
    const { promptIds, format, grammar } = request
    const seed = params.seed ?? deriveSeed(this.#options.engineSeed, ++this.#numRequests)
    const shared = this.#shared(request, promptIds, request.prediction!)
    const sequences: EngineSequence[] = []
    for (let index = 0; index < params.n; index++) {
      const choiceSeed = deriveSeed(seed, index)
      sequences.push(new EngineSequence({
        ...shared,
        id: ++this.#numSequences,
        maxTokens: params.maxTokens ?? Number.MAX_SAFE_INTEGER,
        promptLogprobs: params.promptLogprobs && index === 0,
        isMasked: grammar !== undefined,
        wantsHidden: request.wantsHidden,
        slo: request.options.slo ?? {},
        ...index > 0 ? { forkOf: sequences[0]! } : {}
      }, {
        request,
        params,
        promptIds,
        prediction: request.prediction!,
        output: new ChoiceOutput(index, tokenizer.streamDecoder({ continues: request.continues }), params.stop, params.logprobs, this.#filters(request, choiceSeed, promptIds)),
        seed: choiceSeed,
        chat: format === undefined ? undefined : new ChoiceMessages(),
        constraint: grammar === undefined ? undefined : new SequenceConstraint(grammar.matcher())
      }))
    }
    return sequences
  }

  /** What goes on after tools, with a prompt that they have made longer: the request's clock runs on. */
  next (previous: EngineSequence, promptIds: Int32Array, prediction: LengthPrediction, nowMs: number): EngineSequence {
    const { request, output } = previous
    const { maxTokens = Number.MAX_SAFE_INTEGER } = request.params!
    const { ttftMs, ...slo } = request.options.slo ?? {}
    const seed = deriveSeed(previous.seed, roundSeedIndex)
    const sequence = new EngineSequence({
      ...this.#shared(request, promptIds, prediction),
      id: ++this.#numSequences,
      queuedMs: nowMs,
      maxTokens: maxTokens - request.tokensOf(output.index),
      // The first token has been seen.
      slo: request.firstTokenMs === undefined && ttftMs !== undefined ? { ...slo, ttftMs } : slo,
      resumes: previous.id
    }, {
      ...previous.parts,
      // The first round has seen to the least number of tokens.
      params: { ...previous.parts.params, minTokens: 0 },
      promptIds,
      prediction,
      seed,
      constraint: undefined
    })
    output.startRound(this.#options.parts.tokenizer.streamDecoder({ continues: false }), this.#filters(request, seed, promptIds))
    return sequence
  }

  #shared (request: EngineRequest, promptIds: Int32Array, prediction: LengthPrediction): Omit<SequenceOptions, 'id' | 'maxTokens'> {
    const { parts, keys, expectedWait } = this.#options
    const { priority = 0, linkHealth = 1, cacheSalt = '', readingTokensPerSec, isProbe = false } = request.options
    const root = parts.options.prefixCaching && !isProbe ? keys.root(cacheSalt) : undefined
    return {
      arrivalMs: request.arrivalMs,
      promptIds,
      logprobs: request.params!.logprobs,
      maxDraftTokens: draftTokens(parts.options, request),
      priority,
      predictedTokens: prediction.expectedTokens,
      reservedTokens: prediction.reservedTokens,
      linkHealth,
      ...readingTokensPerSec === undefined ? {} : { readingTokensPerSec },
      ...request.session === undefined ? {} : { sessionId: request.session },
      ...request.offered.names.length === 0 ? {} : { parksOnStop: expectedWait },
      ...root === undefined ? {} : { prefixRoot: root, prefixKeys: keys.of(root, promptIds) }
    }
  }

  #filters ({ format, callRules, reasons, prompt }: EngineRequest, seed: bigint, promptIds: Int32Array): AnswerFilters {
    const { tokenizer } = this.#options.parts
    return {
      reasoning: reasons ? new ReasoningFilter(prompt!.opensReasoning, specialTokens(tokenizer, reasoningMarkup)) : undefined,
      calls: format === undefined ? undefined : new CallFilter(format, specialTokens(tokenizer, format.specials), callRules, callIds(seed, promptIds.length, format.hasShortIds))
    }
  }
}
