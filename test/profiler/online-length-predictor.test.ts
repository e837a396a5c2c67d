import t from 'tap'
import { SyntheticSet } from '../../bench/predictor/synthetic-set.js'
import { numBuckets, upperEdge } from '../../src/profiler/length-buckets.js'
import { lengthLoss, softmax, writeLengthTarget } from '../../src/profiler/length-loss.js'
import { OnlineLengthPredictor } from '../../src/profiler/online-length-predictor.js'
import type { LengthRequest } from '../../src/profiler/text-features.js'
import { Random, testSeed } from '../support/random.js'

const poem: LengthRequest = { text: 'Write a long poem about rivers', promptTokens: 12 }
const yesNo: LengthRequest = { text: 'Answer yes or no: is it cold?', promptTokens: 12 }

/** Learns that poems are of bucket 6 and that yes and no are of bucket 0. */
function taught (answers = 60): OnlineLengthPredictor {
  const predictor = new OnlineLengthPredictor()
  for (let i = 0; i < answers; i++) {
    predictor.learn(predictor.predict(poem), { tokens: 300, isCensored: false })
    predictor.learn(predictor.predict(yesNo), { tokens: 3, isCensored: false })
  }
  return predictor
}

t.test('it learns which requests have long answers', async t => {
  const predictor = taught()
  const long = predictor.predict(poem)
  const short = predictor.predict(yesNo)
  t.equal(long.bucket, 6)
  t.equal(short.bucket, 0)
  t.ok(long.confidence > 0.8 && short.confidence > 0.8)
  t.equal(long.reservedTokens, 512)
  t.equal(short.reservedTokens, 8)
  t.ok(long.expectedTokens > 256 && long.expectedTokens < 512, `${long.expectedTokens} tokens`)
})

t.test('probabilities sum to 1 and what is reserved covers the share that was asked for', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const set = new SyntheticSet(seed)
  for (const coverage of [0.5, 0.9, 0.99]) {
    const predictor = new OnlineLengthPredictor({ coverage })
    for (let i = 0; i < 500; i++) {
      const { request, tokens } = set.next()
      const prediction = predictor.predict(request)
      const { probabilities, reservedTokens } = prediction
      const sum = probabilities.reduce((a, b) => a + b)
      if (Math.abs(sum - 1) > 1e-5) t.fail(`they sum to ${sum}`)
      const below = probabilities.reduce((total, p, k) => upperEdge(k) < reservedTokens ? total + p : total, 0)
      const within = probabilities.reduce((total, p, k) => upperEdge(k) <= reservedTokens ? total + p : total, 0)
      if (within < coverage - 1e-5 || below >= coverage) t.fail(`${reservedTokens} tokens are reserved for ${coverage}`)
      predictor.learn(prediction, { tokens, isCensored: false })
    }
  }
})

t.test('estimates stay within the limit of the request', async t => {
  const predictor = taught()
  const { expectedTokens, reservedTokens, bucket } = predictor.predict({ ...poem, maxTokens: 20 })
  t.ok(expectedTokens <= 20)
  t.equal(reservedTokens, 20)
  t.ok(bucket > 2, 'though it would be longer')
})

t.test('before it has learnt, and without a text, the prediction is how often each length came', async t => {
  const fresh = new OnlineLengthPredictor()
  t.same(fresh.predict(poem).probabilities, fresh.predict({ text: '', promptTokens: 0 }).probabilities)
  const predictor = taught(400)
  const { probabilities } = predictor.predict({ text: '', promptTokens: 0 })
  t.ok(Math.abs(probabilities[0]! - 0.5) < 0.02, `${probabilities[0]}`)
  t.ok(Math.abs(probabilities[6]! - 0.5) < 0.02, `${probabilities[6]}`)
})

t.test('the gradient is that of the loss', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const lossOf = (logits: Float64Array, bucket: number, isCensored: boolean): number => {
    const probabilities = logits.slice()
    softmax(probabilities)
    return lengthLoss(probabilities, bucket, isCensored)
  }
  for (let round = 0; round < 50; round++) {
    const logits = Float64Array.from({ length: numBuckets }, () => 6 * random.next() - 3)
    const bucket = random.integer(0, numBuckets - 1)
    const isCensored = random.chance(0.5)
    const probabilities = logits.slice()
    softmax(probabilities)
    const target = new Float64Array(numBuckets)
    writeLengthTarget(probabilities, bucket, isCensored, target)
    for (let k = 0; k < numBuckets; k++) {
      const step = 1e-5
      const above = logits.with(k, logits[k]! + step)
      const below = logits.with(k, logits[k]! - step)
      const numerical = (lossOf(above, bucket, isCensored) - lossOf(below, bucket, isCensored)) / (2 * step)
      const given = probabilities[k]! - target[k]!
      if (Math.abs(numerical - given) > 1e-7) t.fail(`bucket ${bucket}, logit ${k}: ${given}, and numerically ${numerical}`)
    }
  }
})

t.test('an answer cut below the predicted bucket teaches nothing', async t => {
  const predictor = taught()
  const before = predictor.toState()
  predictor.learn(predictor.predict(poem), { tokens: 20, isCensored: true })
  t.ok(Buffer.from(predictor.toState()).equals(before))
})

t.test('an answer cut in the predicted bucket or above it makes longer ones likelier', async t => {
  const predictor = taught()
  const before = predictor.predict(yesNo).probabilities
  for (let i = 0; i < 20; i++) predictor.learn(predictor.predict(yesNo), { tokens: 100, isCensored: true })
  const after = predictor.predict(yesNo).probabilities
  const from4 = (probabilities: Float32Array) => probabilities.subarray(4).reduce((a, b) => a + b)
  t.ok(from4(after) > from4(before) + 0.3, `${from4(before)} to ${from4(after)}`)
})

t.test('many cut answers do not make a limit look like a length', async t => {
  // All poems have 300 tokens; half of them are cut at 40.
  const predictor = new OnlineLengthPredictor()
  for (let i = 0; i < 200; i++) predictor.learn(predictor.predict(poem), i % 2 === 0 ? { tokens: 40, isCensored: true } : { tokens: 300, isCensored: false })
  t.equal(predictor.predict(poem).bucket, 6)
})

t.test('when lengths change it follows, though it has learnt for long', async t => {
  const predictor = taught(1000)
  for (let i = 0; i < 60; i++) predictor.learn(predictor.predict(poem), { tokens: 12, isCensored: false })
  t.equal(predictor.predict(poem).bucket, 1)
})

t.test('the same user\'s previous answer helps where the text says nothing', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const predictor = new OnlineLengthPredictor()
  let right = 0
  for (let i = 0; i < 600; i++) {
    const tokens = random.chance(0.5) ? 10 : 500
    const prediction = predictor.predict({ text: 'go on', promptTokens: 5, previousTokens: tokens })
    if (i >= 300 && upperEdge(prediction.bucket) >= tokens && upperEdge(prediction.bucket) <= 2 * tokens) right++
    predictor.learn(prediction, { tokens, isCensored: false })
  }
  t.ok(right > 280, `${right} of 300`)
})

t.test('saved and restored, it predicts and learns as before', async t => {
  const predictor = taught()
  const restored = OnlineLengthPredictor.fromState(predictor.toState())
  t.same(restored.predict(poem), predictor.predict(poem))
  for (const each of [predictor, restored]) each.learn(each.predict(poem), { tokens: 5, isCensored: false })
  t.ok(Buffer.from(restored.toState()).equals(predictor.toState()))
})

t.test('a damaged state is refused with a clear error, whichever byte it is', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const state = taught(5).toState()
  for (let round = 0; round < 30; round++) {
    const damaged = state.slice()
    const at = round < 16 ? round : random.integer(0, state.length - 1)
    damaged[at]! ^= 1 << random.integer(0, 7)
    t.throws(() => OnlineLengthPredictor.fromState(damaged), { code: 'ERR_PROFILER_STATE' }, `byte ${at}`)
  }
  for (const length of [0, 3, 15, 16, state.length - 1]) t.throws(() => OnlineLengthPredictor.fromState(state.subarray(0, length)), { code: 'ERR_PROFILER_STATE' })
  t.throws(() => OnlineLengthPredictor.fromState(new Uint8Array([...state, 0])), /says that it has/)
})

t.test('what is no number of tokens is refused with the field\'s name', async t => {
  const predictor = new OnlineLengthPredictor()
  for (const value of [NaN, -1, -Infinity]) {
    t.throws(() => predictor.predict({ ...poem, promptTokens: value }), /^promptTokens /)
    t.throws(() => predictor.predict({ ...poem, maxTokens: value }), /^maxTokens /)
    t.throws(() => predictor.predict({ ...poem, previousTokens: value }), /^previousTokens /)
    t.throws(() => { predictor.learn(predictor.predict(poem), { tokens: value, isCensored: false }) }, /^tokens /)
  }
  t.throws(() => predictor.predict({ text: 5 as unknown as string, promptTokens: 1 }), /^text /)
  for (const coverage of [0, 1, NaN]) t.throws(() => new OnlineLengthPredictor({ coverage }), /^coverage /)
})

t.test('any prompt gets finite probabilities: 1 MB, half characters, only signs', async t => {
  const predictor = taught()
  for (const text of ['word '.repeat(200_000), '\ud800'.repeat(5000), '?'.repeat(9000), '\0', 'x'.repeat(1 << 20)]) {
    const prediction = predictor.predict({ text, promptTokens: 1e6, systemPrompt: text })
    predictor.learn(prediction, { tokens: 1e9, isCensored: false })
    t.ok(prediction.probabilities.every(p => Number.isFinite(p)))
  }
})
