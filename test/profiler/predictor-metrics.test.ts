import t from 'tap'
import { bucketOf, numBuckets, upperEdge } from '../../src/profiler/length-buckets.js'
import { summarize, type LengthPrediction } from '../../src/profiler/length-predictor.js'
import { PredictorMetrics } from '../../src/profiler/predictor-metrics.js'
import { Random, testSeed } from '../support/random.js'

/** Says `bucket` with a probability, and spreads the rest evenly. */
function predictionOf (bucket: number, confidence: number, previousTokens?: number): LengthPrediction {
  const probabilities = new Float32Array(numBuckets).fill((1 - confidence) / (numBuckets - 1))
  probabilities[bucket] = confidence
  return summarize(probabilities, 0.9, Infinity, previousTokens, { indices: new Uint16Array(0), numOthers: 0, wordWeight: 1 })
}

t.test('there are none before the first answer, and cut answers are counted apart', async t => {
  const metrics = new PredictorMetrics()
  metrics.record(predictionOf(3, 0.8), { tokens: 5, isCensored: true })
  t.equal(metrics.overall(), undefined)
  t.equal(metrics.recent(), undefined)
  t.equal(metrics.censored, 1)
})

t.test('right, one off and far off are told apart', async t => {
  const metrics = new PredictorMetrics()
  for (const tokens of [20, 40, 300, 20]) metrics.record(predictionOf(2, 0.92), { tokens, isCensored: false })
  const quality = metrics.overall()!
  t.equal(quality.answers, 4)
  t.equal(quality.top1Ratio, 0.5)
  t.equal(quality.within1Ratio, 0.75)
  t.equal(quality.meanBucketError, (0 + 1 + 4 + 0) / 4)
  t.equal(quality.coverageRatio, 0.5)
  const expectedLoss = -(2 * Math.log(0.92) + 2 * Math.log(0.01)) / 4
  t.ok(Math.abs(quality.logLoss - expectedLoss) < 1e-6, `${quality.logLoss}`)
  t.ok(Math.abs(quality.calibrationError - 0.42) < 1e-6, `${quality.calibrationError}`)
})

t.test('a predictor that says how sure it is has no calibration error, one that is too sure has', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const honest = new PredictorMetrics()
  const tooSure = new PredictorMetrics()
  for (let i = 0; i < 20_000; i++) {
    const confidence = 0.2 + 0.7 * random.next()
    const tokens = random.chance(confidence) ? 20 : 300
    honest.record(predictionOf(2, confidence), { tokens, isCensored: false })
    tooSure.record(predictionOf(2, Math.min(1, confidence + 0.2)), { tokens, isCensored: false })
  }
  t.ok(honest.overall()!.calibrationError < 0.02, `${honest.overall()!.calibrationError}`)
  t.ok(tooSure.overall()!.calibrationError > 0.15, `${tooSure.overall()!.calibrationError}`)
})

t.test('the references are the most frequent length so far and the same user\'s last', async t => {
  const metrics = new PredictorMetrics()
  const record = (tokens: number, previousTokens?: number) => { metrics.record(predictionOf(0, 0.5, previousTokens), { tokens, isCensored: false }) }
  record(100) // Nothing came yet: bucket 0 is said by both.
  record(100) // Both say 4.
  record(20, 20) // The majority says 4, the user's last 2.
  record(100, 20) // The majority says 4, the user's last 2.
  record(100) // The last answer of all was of bucket 4.
  const quality = metrics.overall()!
  t.equal(quality.majorityTop1Ratio, 3 / 5)
  t.equal(quality.lastTop1Ratio, 3 / 5)
})

t.test('what was held to be impossible costs much, not infinitely much', async t => {
  const metrics = new PredictorMetrics()
  metrics.record(predictionOf(2, 1), { tokens: 300, isCensored: false })
  t.ok(Math.abs(metrics.overall()!.logLoss - Math.log(1e6)) < 1e-5)
})

t.test('the window gives what counting the last answers anew gives', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const metrics = new PredictorMetrics(50)
  const all: Array<{ prediction: LengthPrediction, tokens: number }> = []
  for (let i = 0; i < 20_000; i++) {
    const answer = { prediction: predictionOf(random.integer(0, numBuckets - 1), 0.2 + 0.8 * random.next()), tokens: random.integer(0, 3000) }
    all.push(answer)
    metrics.record(answer.prediction, { tokens: answer.tokens, isCensored: false })
  }
  const last = all.slice(-50)
  const quality = metrics.recent()!
  const share = (holds: (answer: typeof last[number]) => boolean) => last.filter(holds).length / 50
  t.equal(quality.answers, 50)
  t.equal(quality.top1Ratio, share(({ prediction, tokens }) => prediction.bucket === bucketOf(tokens)))
  t.equal(quality.coverageRatio, share(({ prediction, tokens }) => tokens <= upperEdge(numBuckets - 1) && tokens <= prediction.reservedTokens))
  const fresh = new PredictorMetrics()
  for (const { prediction, tokens } of last) fresh.record(prediction, { tokens, isCensored: false })
  t.ok(Math.abs(quality.logLoss - fresh.overall()!.logLoss) < 1e-9)
  t.ok(Math.abs(quality.calibrationError - fresh.overall()!.calibrationError) < 1e-9)
})
