import { InvalidOptionError } from '../core/errors.js'
import { choosePrediction, ExternalGate, faultOf, type ExternalAnswer, type ExternalLengthPredictor } from '../profiler/external-predictor.js'
import type { LengthPrediction } from '../profiler/length-predictor.js'
import { defaultCoverage } from '../profiler/online-length-predictor.js'
import type { LengthRequest } from '../profiler/text-features.js'

/** A predictor of the caller's own, with how long each request may wait for it. */
export interface LengthPredictorOption extends ExternalLengthPredictor {
  /** 1 to 1000 ms; 20. */
  readonly timeoutMs?: number
}

/** What became of the requests that it could have been asked for. */
export interface ExternalLengthCounts {
  used: number
  /** It threw; it gave nothing in time; what it gave are no probabilities. */
  failed: number
  late: number
  invalid: number
  /** Not asked, because it failed lately. */
  resting: number
}

const defaultTimeoutMs = 20
const longestTimeoutMs = 1000

/**
 * Asks somebody else's predictor, and goes by ours where that gives nothing usable in time: no request
 * waits for it longer than `timeoutMs`, and none fails because of it.
 */
export class ExternalLengths {
  readonly counts: ExternalLengthCounts = { used: 0, failed: 0, late: 0, invalid: 0, resting: 0 }
  readonly #predictor: LengthPredictorOption
  readonly #timeoutMs: number
  readonly #now: () => number
  readonly #onTrouble: (message: string) => void
  readonly #gate = new ExternalGate()

  /** @throws InvalidOptionError when it is none */
  constructor (predictor: LengthPredictorOption, now: () => number, onTrouble: (message: string) => void) {
    checkOption(predictor)
    this.#predictor = predictor
    this.#timeoutMs = predictor.timeoutMs ?? defaultTimeoutMs
    this.#now = now
    this.#onTrouble = onTrouble
  }

  async predict (request: LengthRequest, ours: LengthPrediction): Promise<LengthPrediction> {
    const askedMs = this.#now()
    if (!this.#gate.isOpen(askedMs)) {
      this.counts.resting++
      return ours
    }
    this.#gate.asked(askedMs)
    const answer = await this.#ask(request, askedMs)
    return choosePrediction(ours, answer, defaultCoverage, request.maxTokens ?? Infinity)
  }

  /** Undefined without a sound answer in time. */
  async #ask (request: LengthRequest, askedMs: number): Promise<ExternalAnswer | undefined> {
    const aborter = new AbortController()
    let timer: NodeJS.Timeout | undefined
    const timeUp = new Promise<'late'>(resolve => { timer = setTimeout(() => { resolve('late') }, this.#timeoutMs) })
    try {
      const answer = await Promise.race([this.#predictor.predict(request, aborter.signal), timeUp])
      if (answer === 'late') {
        aborter.abort(new DOMException(`No answer within ${this.#timeoutMs} ms.`, 'TimeoutError'))
        this.#failed('late', askedMs, `no answer within ${this.#timeoutMs} ms`)
        return undefined
      }
      // A copy: what is checked is what holds.
      const copy = { probabilities: copied(answer?.probabilities) }
      const fault = faultOf(copy)
      if (fault !== undefined) {
        this.#failed('invalid', askedMs, fault)
        return undefined
      }
      this.counts.used++
      this.#gate.succeeded()
      return copy
    } catch (error) {
      this.#failed('failed', askedMs, error instanceof Error ? error.message : String(error))
      return undefined
    } finally {
      clearTimeout(timer)
    }
  }

  #failed (kind: 'failed' | 'late' | 'invalid', askedMs: number, problem: string): void {
    this.counts[kind]++
    if (this.#gate.failed(this.#now(), askedMs)) {
      this.#onTrouble(`lengthPredictor failed three times in a row (${problem}); it rests, and the engine's own predictions hold until it works again.`)
    }
  }
}

function copied (list: ExternalAnswer['probabilities']): number[] {
  return typeof list === 'object' ? Array.from(list) : list
}

function checkOption (predictor: unknown): void {
  const { predict, timeoutMs } = (predictor ?? {}) as Record<string, unknown>
  if (typeof predict !== 'function') {
    throw new InvalidOptionError('lengthPredictor', 'lengthPredictor must be an object with a method predict(request, signal).')
  }
  if (timeoutMs !== undefined && !(typeof timeoutMs === 'number' && timeoutMs >= 1 && timeoutMs <= longestTimeoutMs)) {
    throw new InvalidOptionError('lengthPredictor.timeoutMs', `lengthPredictor.timeoutMs is ${typeof timeoutMs === 'number' ? timeoutMs : typeof timeoutMs}; it must be a number from 1 to ${longestTimeoutMs}.`)
  }
}
