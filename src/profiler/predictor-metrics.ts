import { bucketOf, numBuckets } from './length-buckets.js'
import type { LengthOutcome, LengthPrediction } from './length-predictor.js'
import { lengthLoss } from './length-loss.js'

/** How good predictions were, each made before its answer was known. Ratios are 0 to 1. */
export interface PredictorQuality {
  readonly answers: number
  /** The bucket was right; it was that or the next one to it; how many buckets off. */
  readonly top1Ratio: number
  readonly within1Ratio: number
  readonly meanBucketError: number
  /** Nats. */
  readonly logLoss: number
  /** Expected calibration error: confidence against share of right ones, in 10 bins (Naeini et al. 2015). */
  readonly calibrationError: number
  /** Answers that stayed within `reservedTokens`. */
  readonly coverageRatio: number
  /** The same of two guesses that need no predictor: the most frequent bucket so far, and that of the same user's last answer. */
  readonly majorityTop1Ratio: number
  readonly majorityWithin1Ratio: number
  readonly lastTop1Ratio: number
  readonly lastWithin1Ratio: number
}

const numBins = 10
/** Where an answer's row has its numbers; then come those of the bins. */
const column = { top1: 0, within1: 1, error: 2, logLoss: 3, covered: 4, majorityTop1: 5, majorityWithin1: 6, lastTop1: 7, lastWithin1: 8, confidence: 9 }
const numColumns = 10
/** Of what was held to be impossible. */
const largestLogLoss = -Math.log(1e-6)

/** Counts what predictions were worth, over all time and over the last answers. Constant time for each. */
export class PredictorMetrics {
  /** Answers that were cut: nothing can be said of their predictions. */
  censored = 0
  readonly #overall = new Tally()
  readonly #window = new Tally()
  /** (windowAnswers, numColumns): a ring. */
  readonly #rows: Float32Array
  readonly #row = new Float32Array(numColumns)
  readonly #counts = new Float64Array(numBuckets)
  #lastBucket = 0

  constructor (windowAnswers = 1000) {
    this.#rows = new Float32Array(windowAnswers * numColumns)
  }

  record (prediction: LengthPrediction, outcome: LengthOutcome): void {
    if (outcome.isCensored) {
      this.censored++
      return
    }
    const bucket = bucketOf(outcome.tokens)
    this.#writeRow(prediction, outcome.tokens, bucket)
    const at = this.#overall.answers * numColumns % this.#rows.length
    const oldest = this.#rows.subarray(at, at + numColumns)
    if (this.#window.answers * numColumns === this.#rows.length) this.#window.add(oldest, -1)
    oldest.set(this.#row)
    this.#window.add(this.#row, 1)
    this.#overall.add(this.#row, 1)
    this.#counts[bucket]!++
    this.#lastBucket = bucket
  }

  /** Since the start; undefined before the first answer. */
  overall (): PredictorQuality | undefined {
    return this.#overall.quality()
  }

  /** Of the last answers, 1000 unless told otherwise. */
  recent (): PredictorQuality | undefined {
    return this.#window.quality()
  }

  #writeRow (prediction: LengthPrediction, tokens: number, bucket: number): void {
    const row = this.#row
    const error = Math.abs(prediction.bucket - bucket)
    row[column.top1] = error === 0 ? 1 : 0
    row[column.within1] = error <= 1 ? 1 : 0
    row[column.error] = error
    row[column.logLoss] = Math.min(largestLogLoss, lengthLoss(prediction.probabilities, bucket, false))
    row[column.covered] = tokens <= prediction.reservedTokens ? 1 : 0
    const majorityError = Math.abs(this.#counts.reduce((best, count, k) => count > this.#counts[best]! ? k : best, 0) - bucket)
    row[column.majorityTop1] = majorityError === 0 ? 1 : 0
    row[column.majorityWithin1] = majorityError <= 1 ? 1 : 0
    const last = prediction.previousTokens === undefined ? this.#lastBucket : bucketOf(prediction.previousTokens)
    row[column.lastTop1] = last === bucket ? 1 : 0
    row[column.lastWithin1] = Math.abs(last - bucket) <= 1 ? 1 : 0
    row[column.confidence] = prediction.confidence
  }
}

/** Sums of rows. */
class Tally {
  answers = 0
  readonly #sums = new Float64Array(numColumns)
  readonly #binConfidences = new Float64Array(numBins)
  readonly #binHits = new Float64Array(numBins)

  /** @param sign -1 takes a row away again */
  add (row: Float32Array, sign: 1 | -1): void {
    this.answers += sign
    for (let i = 0; i < numColumns; i++) this.#sums[i]! += sign * row[i]!
    const bin = Math.min(numBins - 1, Math.floor(row[column.confidence]! * numBins))
    this.#binConfidences[bin]! += sign * row[column.confidence]!
    this.#binHits[bin]! += sign * row[column.top1]!
  }

  quality (): PredictorQuality | undefined {
    const { answers } = this
    if (answers === 0) return undefined
    const mean = (index: number): number => this.#sums[index]! / answers
    return {
      answers,
      top1Ratio: mean(column.top1),
      within1Ratio: mean(column.within1),
      meanBucketError: mean(column.error),
      logLoss: mean(column.logLoss),
      calibrationError: this.#binHits.reduce((sum, hits, bin) => sum + Math.abs(hits - this.#binConfidences[bin]!), 0) / answers,
      coverageRatio: mean(column.covered),
      majorityTop1Ratio: mean(column.majorityTop1),
      majorityWithin1Ratio: mean(column.majorityWithin1),
      lastTop1Ratio: mean(column.lastTop1),
      lastWithin1Ratio: mean(column.lastWithin1)
    }
  }
}
