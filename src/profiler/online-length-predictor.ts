import { InvalidParameterError } from '../core/errors.js'
import { bucketOf, numBuckets } from './length-buckets.js'
import { softmax, writeLengthTarget } from './length-loss.js'
import { summarize, type LengthOutcome, type LengthPrediction, type LengthPredictor, type PredictionFeatures } from './length-predictor.js'
import { StateReader, StateWriter } from './state-bytes.js'
import { numFeatures, TextFeatures, type LengthRequest } from './text-features.js'

/** Share of answers that `reservedTokens` should cover, where nothing else is said. */
export const defaultCoverage = 0.9

export interface OnlinePredictorOptions {
  /** Share of answers that `reservedTokens` should cover: in (0, 1); 0.9. */
  readonly coverage?: number
}

// Chosen on bench/predictor.ts, among rates 0.1 to 0.3, decays 0 to 0.01 and memories 0.997 to 1.
const rate = 0.2
/** Of weights, as a gradient: what is not confirmed fades. */
const decay = 0.01
/** What an update leaves of a feature's squares: steps do not shrink to nothing, so that drift is followed. */
const squaresMemory = 0.999
/** What an answer leaves of the counts before it: about 500 answers are remembered. */
const priorMemory = 0.998
/** Answers that are taken for seen at the start: about a median of 150 tokens, far apart. */
const firstCounts = [0.3, 0.4, 0.8, 1.3, 1.7, 1.7, 1.2, 0.7, 0.4]
/** A bucket that never came is unlikely, not impossible. */
const smallestCount = 0.01

const stateKind = 'length predictor'
const stateLayout = `${stateKind} 1: ${numFeatures} x ${numBuckets}`

/**
 * Multinomial logistic regression on hashed features of the request, learnt online: each answer that
 * ends moves the weights by AdaGrad (Duchi, Hazan & Singer 2011). Its bias is how often each bucket
 * came lately; without features that says all.
 */
export class OnlineLengthPredictor implements LengthPredictor {
  readonly #coverage: number
  readonly #counts = Float64Array.from(firstCounts)
  /** (numFeatures, numBuckets): weights, and decayed sums of squares of their gradients. */
  readonly #weights = new Float32Array(numFeatures * numBuckets)
  readonly #squares = new Float32Array(numFeatures * numBuckets)
  readonly #features = new TextFeatures()
  /** (numBuckets,): of what is predicted or learnt now. */
  readonly #probabilities = new Float64Array(numBuckets)
  readonly #gradient = new Float64Array(numBuckets)

  constructor (options: OnlinePredictorOptions = {}) {
    const { coverage = defaultCoverage } = options
    if (!(coverage > 0 && coverage < 1)) throw new InvalidParameterError('coverage', `coverage is ${coverage}; it must be between 0 and 1.`)
    this.#coverage = coverage
  }

  /** @throws ProfilerStateError when the bytes are not what `toState` gave */
  static fromState (bytes: Uint8Array, options: OnlinePredictorOptions = {}): OnlineLengthPredictor {
    const predictor = new OnlineLengthPredictor(options)
    const reader = new StateReader(stateKind, stateLayout, bytes)
    reader.float64s(predictor.#counts)
    reader.float32s(predictor.#weights)
    reader.float32s(predictor.#squares)
    reader.end()
    if (predictor.#counts.some(count => count < 0) || predictor.#squares.some(square => square < 0)) throw reader.error('it holds negative counts')
    return predictor
  }

  /** All that was learnt: about 290 KiB. */
  toState (): Uint8Array {
    const writer = new StateWriter()
    writer.float64s(this.#counts)
    writer.float32s(this.#weights)
    writer.float32s(this.#squares)
    return writer.finish(stateLayout)
  }

  predict (request: LengthRequest): LengthPrediction {
    checkRequest(request)
    const { maxTokens = Infinity, previousTokens } = request
    this.#features.read(request)
    const { indices, length, numOthers, wordWeight } = this.#features
    const features = { indices: indices.slice(0, length), numOthers, wordWeight }
    this.#compute(features)
    return summarize(new Float32Array(this.#probabilities), this.#coverage, maxTokens, previousTokens, features)
  }

  learn (prediction: LengthPrediction, outcome: LengthOutcome): void {
    checkOutcome(outcome)
    const bucket = bucketOf(outcome.tokens)
    // That it would have been longer than this was expected anyway.
    if (outcome.isCensored && bucket < prediction.bucket) return
    this.#compute(prediction.features)
    const gradient = this.#gradient
    writeLengthTarget(this.#probabilities, bucket, outcome.isCensored, gradient)
    for (let k = 0; k < numBuckets; k++) {
      this.#counts[k] = this.#counts[k]! * priorMemory + gradient[k]!
      gradient[k] = this.#probabilities[k]! - gradient[k]!
    }
    this.#descend(prediction.features)
  }

  /** Softmax of the bias and the features' weights. */
  #compute ({ indices, numOthers, wordWeight }: PredictionFeatures): void {
    const probabilities = this.#probabilities
    const weights = this.#weights
    // One bucket after the other: its sum stays in a register.
    for (let k = 0; k < numBuckets; k++) {
      let others = 0
      let words = 0
      for (let i = 0; i < numOthers; i++) others += weights[indices[i]! * numBuckets + k]!
      for (let i = numOthers; i < indices.length; i++) words += weights[indices[i]! * numBuckets + k]!
      probabilities[k] = others + wordWeight * words + Math.log(Math.max(smallestCount, this.#counts[k]!))
    }
    softmax(probabilities)
  }

  #descend ({ indices, numOthers, wordWeight }: PredictionFeatures): void {
    const weights = this.#weights
    const squares = this.#squares
    const gradient = this.#gradient
    for (let i = 0; i < indices.length; i++) {
      const row = indices[i]! * numBuckets
      const weight = i < numOthers ? 1 : wordWeight
      for (let at = row, k = 0; k < numBuckets; at++, k++) {
        const slope = weight * gradient[k]! + decay * weights[at]!
        const square = squares[at]! * squaresMemory + slope * slope
        squares[at] = square
        weights[at]! -= rate * slope / (Math.sqrt(square) + 1e-4)
      }
    }
  }
}

function checkRequest ({ text, promptTokens, maxTokens, previousTokens }: LengthRequest): void {
  if (typeof text !== 'string') throw new InvalidParameterError('text', 'text must be a string.')
  checkTokens('promptTokens', promptTokens)
  if (maxTokens !== undefined && maxTokens !== Infinity) checkTokens('maxTokens', maxTokens)
  if (previousTokens !== undefined) checkTokens('previousTokens', previousTokens)
}

function checkOutcome ({ tokens }: LengthOutcome): void {
  checkTokens('tokens', tokens)
}

function checkTokens (name: string, value: number): void {
  if (!Number.isFinite(value) || value < 0) throw new InvalidParameterError(name, `${name} is ${value}; a number of tokens is 0 or more.`)
}
