// Conversations whose answers keep to a length of their own, about which their texts say nothing.
import { numBuckets, upperEdge } from '../../src/profiler/length-buckets.js'
import { OnlineLengthPredictor } from '../../src/profiler/online-length-predictor.js'
import { PredictorMetrics, type PredictorQuality } from '../../src/profiler/predictor-metrics.js'
import { SessionLengths } from '../../src/profiler/session-lengths.js'
import { Random } from '../../test/support/random.js'

const numSessions = 64
const turnsPerSession = 8
/** Of answers, those in the session's own bucket; the others are one off. */
const loyalty = 0.8
const words = 'rivers bread winter music trains gardens chess coffee bridges planets horses markets castles winds paper glass'.split(' ')

export interface SessionRun {
  readonly seed: number
  /** Knowing the length of the answer before, and not. */
  readonly withPrevious: PredictorQuality
  readonly without: PredictorQuality
}

export function runSessions (seed: number): SessionRun {
  return { seed, withPrevious: play(seed, true), without: play(seed, false) }
}

function play (seed: number, isKnown: boolean): PredictorQuality {
  const random = new Random(seed)
  const predictor = new OnlineLengthPredictor()
  const lengths = new SessionLengths()
  const metrics = new PredictorMetrics()
  const sessions = Array.from({ length: numSessions }, (_, id) => ({ id, bucket: random.integer(0, numBuckets - 1), turns: 0 }))
  let ids = numSessions
  for (let i = 0; i < 6000; i++) {
    const session = random.pick(sessions)
    if (session.turns++ === turnsPerSession) Object.assign(session, { id: ids++, bucket: random.integer(0, numBuckets - 1), turns: 1 })
    const bucket = Math.min(numBuckets - 1, Math.max(0, session.bucket + (random.chance(loyalty) ? 0 : random.chance(0.5) ? 1 : -1)))
    const tokens = random.integer(bucket === 0 ? 1 : upperEdge(bucket - 1), upperEdge(bucket) - 1)
    const previousTokens = lengths.lastOf(String(session.id))
    const text = Array.from({ length: 5 }, () => random.pick(words)).join(' ')
    const prediction = predictor.predict({ text, promptTokens: 20, maxTokens: 4096, ...isKnown && previousTokens !== undefined ? { previousTokens } : {} })
    if (i >= 3000) metrics.record({ ...prediction, previousTokens }, { tokens, isCensored: false })
    predictor.learn(prediction, { tokens, isCensored: false })
    lengths.answered(String(session.id), tokens)
  }
  return metrics.overall()!
}
