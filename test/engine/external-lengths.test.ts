import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Engine } from '../../src/engine/engine.js'
import { ExternalLengths, type LengthPredictorOption } from '../../src/engine/external-lengths.js'
import { OnlineLengthPredictor } from '../../src/profiler/online-length-predictor.js'
import type { LengthRequest } from '../../src/profiler/text-features.js'
import { loadTinyEngine, tinyModel } from '../support/tiny-engine.js'

const request: LengthRequest = { text: 'hello', promptTokens: 3 }
const ours = new OnlineLengthPredictor().predict(request)
const certain = (bucket: number): { probabilities: number[] } => ({ probabilities: Array.from({ length: 9 }, (_, k) => k === bucket ? 1 : 0) })
const none = { used: 0, failed: 0, late: 0, invalid: 0, resting: 0 }

function setup (predictor: LengthPredictorOption): { external: ExternalLengths, clock: { now: number }, warnings: string[] } {
  const clock = { now: 0 }
  const warnings: string[] = []
  return { external: new ExternalLengths(predictor, () => clock.now, message => { warnings.push(message) }), clock, warnings }
}

t.test('a sound answer in time holds, as a list or as an array of floats', async t => {
  const seen: unknown[] = []
  const { external } = setup({
    predict: async (asked, signal) => {
      seen.push(asked, signal.aborted)
      return seen.length === 2 ? certain(5) : { probabilities: Float32Array.from(certain(6).probabilities) }
    }
  })
  t.equal((await external.predict(request, ours)).bucket, 5)
  t.equal((await external.predict(request, ours)).bucket, 6)
  t.same(seen, [request, false, request, false])
  t.same(external.counts, { ...none, used: 2 })
})

t.test('one that never answers delays a request by its time limit and no more, and is told so', async t => {
  let signal: AbortSignal | undefined
  const { external } = setup({ timeoutMs: 30, predict: async (_, given) => await new Promise(() => { signal = given }) })
  const start = performance.now()
  t.equal(await external.predict(request, ours), ours)
  const tookMs = performance.now() - start
  t.ok(tookMs >= 25 && tookMs < 200, `${tookMs} ms`)
  t.equal(signal!.aborted, true)
  t.match(signal!.reason, { name: 'TimeoutError' })
  t.same(external.counts, { ...none, late: 1 })
})

t.test('whatever else it does, the engine\'s own prediction holds and nothing is thrown, also not later', async t => {
  const faults: Array<[keyof typeof none, LengthPredictorOption['predict']]> = [
    ['failed', async () => { throw new Error('no') }],
    ['failed', () => { throw new Error('at once') }],
    ['failed', async () => { throw Object.assign(new Error(), { message: undefined }) }],
    ['late', async () => { await sleep(40); throw new Error('too late to matter') }],
    ['invalid', async () => undefined as never],
    ['invalid', () => 7 as never],
    ['invalid', async () => ({ probabilities: [1] })],
    ['invalid', async () => ({ probabilities: certain(2).probabilities.with(4, Number.NaN) })],
    ['invalid', async () => ({ probabilities: certain(2).probabilities.map(p => 2 * p) })],
    ['failed', async () => ({ get probabilities (): never { throw new Error('trap') } })]
  ]
  for (const [kind, predict] of faults) {
    const { external } = setup({ timeoutMs: 20, predict })
    t.equal(await external.predict(request, ours), ours)
    t.same(external.counts, { ...none, [kind]: 1 }, kind)
  }
  await sleep(60)
})

t.test('one that always fails rests, is tried again, and is back when it works', async t => {
  let works = false
  let asked = 0
  const { external, clock, warnings } = setup({
    predict: async () => {
      asked++
      if (!works) throw new Error('down')
      return certain(4)
    }
  })
  for (let i = 0; i < 100; i++) await external.predict(request, ours)
  t.equal(asked, 3)
  t.same(external.counts, { ...none, failed: 3, resting: 97 })
  t.same(warnings.length, 1)
  t.match(warnings[0], /three times in a row \(down\)/)
  clock.now = 1000
  await Promise.all([1, 2, 3].map(async () => await external.predict(request, ours)))
  t.equal(asked, 4, 'one tries it')
  clock.now = 2999
  await external.predict(request, ours)
  t.equal(asked, 4, 'twice as long')
  works = true
  clock.now = 3000
  t.equal((await external.predict(request, ours)).bucket, 4)
  t.equal((await external.predict(request, ours)).bucket, 4)
  t.equal(warnings.length, 1)
})

t.test('many that fail together make one pause, not the longest', async t => {
  let works = false
  const { external, clock } = setup({ timeoutMs: 5, predict: async () => works ? certain(4) : await new Promise(() => {}) })
  await Promise.all(Array.from({ length: 50 }, async () => { await external.predict(request, ours) }))
  t.equal(external.counts.late, 50)
  works = true
  clock.now = 1500
  t.equal((await external.predict(request, ours)).bucket, 4)
})

t.test('what is no predictor is refused by name before a model is loaded', async t => {
  const wrong: Array<[unknown, string]> = [
    [{}, 'lengthPredictor'], [null, 'lengthPredictor'], [{ predict: 7 }, 'lengthPredictor'],
    [{ predict: async () => certain(1), timeoutMs: 0 }, 'lengthPredictor.timeoutMs'],
    [{ predict: async () => certain(1), timeoutMs: Number.NaN }, 'lengthPredictor.timeoutMs'],
    [{ predict: async () => certain(1), timeoutMs: 5000 }, 'lengthPredictor.timeoutMs']
  ]
  for (const [lengthPredictor, param] of wrong) {
    await t.rejects(Engine.load(tinyModel, {}, { lengthPredictor: lengthPredictor as never }), { code: 'ERR_INVALID_OPTION', param })
  }
})

t.test('an engine schedules by it, and goes on without it', async t => {
  let fails = false
  const external = new ExternalLengths({
    predict: async ({ promptTokens, maxTokens }) => {
      t.same([promptTokens, maxTokens], [3, 4])
      if (fails) throw new Error('down')
      return certain(0)
    }
  }, () => performance.now(), () => {})
  const engine = await loadTinyEngine({}, { externalLengths: external })
  const answer = async (): Promise<number> => (await engine.complete({ prompt: [1, 2, 3], maxTokens: 4, ignoreEos: true }).result()).usage.completionTokens
  t.equal(await answer(), 4)
  fails = true
  t.equal(await answer(), 4)
  t.same(engine.metrics().externalLengths, { ...none, used: 1, failed: 1 })
  await engine.close()
})

t.test('a request that is aborted while it is asked ends at once', async t => {
  const external = new ExternalLengths({ timeoutMs: 1000, predict: async () => await new Promise(() => {}) }, () => performance.now(), () => {})
  const engine = await loadTinyEngine({}, { externalLengths: external })
  const start = performance.now()
  const generation = engine.complete({ prompt: [1, 2, 3], maxTokens: 4 })
  setTimeout(() => { generation.abort() }, 10)
  t.equal((await generation.result()).choices[0]!.finishReason, 'abort')
  t.ok(performance.now() - start < 500)
  await engine.close()
  t.equal(engine.stats().requests, 0)
})
