import { OverloadedError, SloUnreachableError, type OverloadReason } from '../core/errors.js'
import type { FinishReason } from '../core/finish-reason.js'
import { Histogram } from '../core/histogram.js'
import type { GenerationResult } from './api.js'
import type { EngineRequest } from './engine-request.js'
import type { EngineSequence } from './engine-sequence.js'
import { forecastBounds, interTokenBounds, latencyBounds, oneTwoFive, predictionBounds, stepBounds, stepTokenBounds, toolBounds, ttftBounds } from './measurement-bounds.js'

/** What became of the times that requests asked for. */
export interface SloCounts {
  met: number
  missed: number
  /** At once, because the queue's forecast missed them. */
  refused: number
  /** By their callers, before the answer was whole. */
  aborted: number
}

/** Requests that the queue had no room for, or no time, by the bound that refused them. */
export type RefusalCounts = Record<OverloadReason, number>

/** How far the queue's forecasts were off, in seconds: the event came later than was said, or earlier. */
export interface ForecastErrors {
  readonly later: Histogram
  readonly earlier: Histogram
}

/**
 * What an engine has done since it was loaded, for whoever looks from time to time: nothing is reset by
 * looking. Times are in seconds. Constant time for each token and each step, without taking memory.
 */
export class Measurements {
  // Counters: tokens of prompts that were computed to their end, of these the cached ones, and answers' tokens.
  promptTokens = 0
  cachedPromptTokens = 0
  generatedTokens = 0
  /** Sequences by how they ended. */
  readonly finished: Record<FinishReason, number> = { stop: 0, length: 0, abort: 0, error: 0 }
  /** Sequences that ended because the model gave what are no numbers. */
  corrupted = 0
  readonly refused: RefusalCounts = { queuedRequests: 0, queuedTokens: 0, giveUp: 0 }
  readonly slo: SloCounts = { met: 0, missed: 0, refused: 0, aborted: 0 }

  // Of each sequence, once it has ended; the first two as it goes.
  readonly ttftSec = new Histogram(ttftBounds)
  readonly interTokenSec = new Histogram(interTokenBounds)
  readonly tpotSec = new Histogram(interTokenBounds)
  readonly e2eSec = new Histogram(latencyBounds)
  readonly queueSec = new Histogram(latencyBounds)
  /** First token less admission, last token less first, and both together. */
  readonly prefillSec = new Histogram(latencyBounds)
  readonly decodeSec = new Histogram(latencyBounds)
  readonly inferenceSec = new Histogram(latencyBounds)
  readonly sequencePromptTokens: Histogram
  readonly sequenceOutputTokens: Histogram
  readonly sequenceMaxTokens: Histogram
  /** Prompt tokens that were not in the cache. */
  readonly sequenceComputedTokens: Histogram

  // Of each request.
  readonly requestN = new Histogram([1, 2, 5, 10, 20])
  readonly requestLongestOutput: Histogram
  readonly predictionSec = new Histogram(predictionBounds)
  readonly forecastWait: ForecastErrors = forecastErrors()
  readonly forecastTtft: ForecastErrors = forecastErrors()
  readonly forecastE2e: ForecastErrors = forecastErrors()

  // Of each step.
  readonly stepTokens = new Histogram(stepTokenBounds)
  readonly stepSec = new Histogram(stepBounds)

  /** Calls of tools that came back. */
  readonly toolSec = new Histogram(toolBounds)

  constructor (maxModelLen: number) {
    const tokenBounds = oneTwoFive(maxModelLen)
    this.sequencePromptTokens = new Histogram(tokenBounds)
    this.sequenceOutputTokens = new Histogram(tokenBounds)
    this.sequenceMaxTokens = new Histogram(tokenBounds)
    this.sequenceComputedTokens = new Histogram(tokenBounds)
    this.requestLongestOutput = new Histogram(tokenBounds)
  }

  step (tokens: number, durationMs: number): void {
    this.stepTokens.observe(tokens)
    this.stepSec.observe(durationMs / 1000)
  }

  /** A sequence has one token more. */
  token (sequence: EngineSequence, nowMs: number): void {
    this.generatedTokens++
    if (Number.isNaN(sequence.firstTokenMs)) {
      sequence.firstTokenMs = nowMs
      // A round after tools begins when it is queued, as a request that brings a client's result does.
      this.ttftSec.observe((nowMs - sequence.clock.startMs) / 1000)
      this.#promptDone(sequence)
    } else {
      this.interTokenSec.observe((nowMs - sequence.lastTokenMs) / 1000)
    }
    sequence.lastTokenMs = nowMs
  }

  /** A request ended before it was queued, if it was refused for the queue's sake. */
  failedUnqueued (error: unknown): void {
    if (error instanceof SloUnreachableError) this.slo.refused++
    if (error instanceof OverloadedError) this.refused[error.reason]++
  }

  /** A request's sequences have all ended, in whatever way; `result` is missing when it failed. */
  requestEnded (request: EngineRequest, result: GenerationResult | undefined): void {
    const { sequences } = request
    // Refused, or left by its caller before it was queued.
    if (sequences.length === 0) return
    let longest = 0
    for (const sequence of request.allSequences) {
      this.#sequenceEnded(sequence)
      longest = Math.max(longest, sequence.generatedTokens)
    }
    this.requestN.observe(sequences.length)
    this.requestLongestOutput.observe(longest)
    if (result === undefined) return
    const isAborted = result.choices.some(({ finishReason }) => finishReason === 'abort')
    if (result.sloMet !== undefined) this.slo[isAborted ? 'aborted' : result.sloMet ? 'met' : 'missed']++
    if (!isAborted) this.#forecast(request, result)
  }

  #promptDone ({ promptTokens, cachedTokens = 0 }: EngineSequence): void {
    this.promptTokens += promptTokens
    this.cachedPromptTokens += cachedTokens
  }

  #sequenceEnded (sequence: EngineSequence): void {
    const { clock, promptTokens, cachedTokens, generatedTokens, firstTokenMs, lastTokenMs, finishReason = 'error' } = sequence
    this.finished[finishReason]++
    const { startMs } = clock
    const queueMs = clock.spentMs.queue
    this.e2eSec.observe(((clock.stoppedMs ?? startMs) - startMs) / 1000)
    this.queueSec.observe(queueMs / 1000)
    this.sequencePromptTokens.observe(promptTokens)
    this.sequenceOutputTokens.observe(generatedTokens)
    this.sequenceMaxTokens.observe(sequence.maxTokens)
    if (cachedTokens !== undefined) this.sequenceComputedTokens.observe(promptTokens - cachedTokens)
    if (Number.isNaN(firstTokenMs)) {
      // A prompt that was only to be scored is done without a token.
      if (finishReason === 'length' || finishReason === 'stop') this.#promptDone(sequence)
      return
    }
    this.prefillSec.observe((firstTokenMs - startMs - queueMs) / 1000)
    this.decodeSec.observe((lastTokenMs - firstTokenMs) / 1000)
    this.inferenceSec.observe((lastTokenMs - startMs - queueMs) / 1000)
    if (generatedTokens > 1) this.tpotSec.observe((lastTokenMs - firstTokenMs) / 1000 / (generatedTokens - 1))
  }

  #forecast ({ forecast }: EngineRequest, { timeline }: GenerationResult): void {
    if (forecast === undefined) return
    if (timeline.ttftMs !== undefined) record(this.forecastTtft, timeline.ttftMs - forecast.ttftMs)
    // It is about the first round.
    if (timeline.toolMs > 0) return
    record(this.forecastWait, timeline.queueMs - forecast.waitMs)
    record(this.forecastE2e, timeline.e2eMs - forecast.e2eMs)
  }
}

function forecastErrors (): ForecastErrors {
  return { later: new Histogram(forecastBounds), earlier: new Histogram(forecastBounds) }
}

function record ({ later, earlier }: ForecastErrors, errorMs: number): void {
  if (errorMs >= 0) later.observe(errorMs / 1000)
  else earlier.observe(-errorMs / 1000)
}
