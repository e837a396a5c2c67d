import { expectedTokensOf, numBuckets, upperEdge } from './length-buckets.js'
import type { LengthRequest } from './text-features.js'

/** What is said of an answer before it begins. */
export interface LengthPrediction {
  /** (numBuckets,): of the length that the answer would have without its limit. They sum to 1. */
  readonly probabilities: Float32Array
  /** The most likely one; the lower of equals. */
  readonly bucket: number
  /** Probability of `bucket`. */
  readonly confidence: number
  /** Mean of the lengths that the buckets stand for, within the request's limit: for estimates of time. */
  readonly expectedTokens: number
  /** What the answer likely does not exceed, within the request's limit: for memory. */
  readonly reservedTokens: number
  /** Of the last answer to the same user or session, if it was known. */
  readonly previousTokens: number | undefined
  /** Features that the answer's length is learnt for; the predictor's own. */
  readonly features: PredictionFeatures
}

export interface PredictionFeatures {
  /** The first `numOthers` weigh 1 each, the others `wordWeight`. */
  readonly indices: Uint16Array
  readonly numOthers: number
  readonly wordWeight: number
}

/** How an answer ended. */
export interface LengthOutcome {
  readonly tokens: number
  /** Cut by its limit or by its caller: it would have had `tokens` or more. */
  readonly isCensored: boolean
}

/** Predicts output lengths, and learns from those that came. */
export interface LengthPredictor {
  predict (request: LengthRequest): LengthPrediction
  /** Once for each answer, with the prediction that was made for it. */
  learn (prediction: LengthPrediction, outcome: LengthOutcome): void
}

/** What follows from probabilities; `coverage` of them is reserved for. */
export function summarize (
  probabilities: Float32Array, coverage: number, maxTokens: number, previousTokens: number | undefined, features: PredictionFeatures
): LengthPrediction {
  let bucket = 0
  let expectedTokens = 0
  for (let k = 0; k < numBuckets; k++) {
    if (probabilities[k]! > probabilities[bucket]!) bucket = k
    expectedTokens += probabilities[k]! * Math.min(maxTokens, expectedTokensOf(k))
  }
  let reserved = 0
  for (let sum = probabilities[0]!; sum < coverage && reserved < numBuckets - 1;) sum += probabilities[++reserved]!
  const reservedTokens = Math.min(maxTokens, upperEdge(reserved))
  return { probabilities, bucket, confidence: probabilities[bucket]!, expectedTokens, reservedTokens, previousTokens, features }
}
