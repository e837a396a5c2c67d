import type { LengthPrediction } from '../../src/profiler/length-predictor.js'
import { OnlineLengthPredictor } from '../../src/profiler/online-length-predictor.js'
import { PredictorMetrics, type PredictorQuality } from '../../src/profiler/predictor-metrics.js'
import { SyntheticSet, type BayesLimits, type Sample } from './synthetic-set.js'

const trainingAnswers = 3000
const phaseAnswers = 3000
/** Requests that arrive before an answer ends and is learnt from. */
const lag = 16
const driftingTypes = [0, 4, 7]

export interface SetRun {
  readonly seed: number
  readonly limits: BayesLimits
  readonly limitsAfterDrift: BayesLimits
  /** Learning on, after the training answers. */
  readonly trained: PredictorQuality
  /** Learning off since the drift; the second half of the answers after it, as below. */
  readonly frozenAfterDrift: PredictorQuality
  readonly onlineAfterDrift: PredictorQuality
}

export function runSet (seed: number, wordings: number): SetRun {
  const set = new SyntheticSet(seed, wordings)
  const run = new Run(set)
  run.play(trainingAnswers)
  const limits = set.limits()
  const trained = run.play(phaseAnswers)
  set.drift(driftingTypes)
  const frozen = OnlineLengthPredictor.fromState(run.predictor.toState())
  run.play(phaseAnswers / 2)
  const frozenMetrics = new PredictorMetrics()
  const onlineAfterDrift = run.play(phaseAnswers / 2, ({ request, tokens }) => {
    frozenMetrics.record(frozen.predict(request), { tokens, isCensored: false })
  })
  return { seed, limits, limitsAfterDrift: set.limits(), trained, frozenAfterDrift: frozenMetrics.overall()!, onlineAfterDrift }
}

/** Predicts each request before it learns from any that ended later. */
class Run {
  readonly predictor = new OnlineLengthPredictor()
  readonly #set: SyntheticSet
  readonly #running: Array<{ prediction: LengthPrediction, tokens: number }> = []
  /** By cell: the last answer, for the reference that knows the cells. */
  readonly #lastTokens = new Map<number, number>()

  constructor (set: SyntheticSet) {
    this.#set = set
  }

  play (answers: number, onSample?: (sample: Sample) => void): PredictorQuality {
    const metrics = new PredictorMetrics()
    for (let i = 0; i < answers; i++) {
      const sample = this.#set.next()
      const { request, tokens, cell } = sample
      const prediction = this.predictor.predict(request)
      metrics.record({ ...prediction, previousTokens: this.#lastTokens.get(cell) }, { tokens, isCensored: false })
      this.#lastTokens.set(cell, tokens)
      onSample?.(sample)
      this.#running.push({ prediction, tokens })
      if (this.#running.length <= lag) continue
      const ended = this.#running.shift()!
      this.predictor.learn(ended.prediction, { tokens: ended.tokens, isCensored: false })
    }
    return metrics.overall()!
  }
}
