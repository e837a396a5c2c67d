import t from 'tap'
import { isSloMet, refuseMissedSlo } from '../../src/engine/slo.js'
import { loadTinyEngine } from '../support/tiny-engine.js'

t.test('a request that asks for times learns whether they were met, and one that asks for none does not', async t => {
  const engine = await loadTinyEngine({})
  const relaxed = await engine.complete({ prompt: [1, 2, 3], maxTokens: 4, slo: { ttftMs: 60_000, tpotMs: 60_000, deadlineMs: 60_000 } }).result()
  t.equal(relaxed.sloMet, true)
  const hurried = await engine.complete({ prompt: [1, 2, 3], maxTokens: 4, slo: { ttftMs: 1e-6 } }).result()
  t.equal(hurried.sloMet, false)
  const plain = await engine.complete({ prompt: [1, 2, 3], maxTokens: 4 }).result()
  t.equal(plain.sloMet, undefined)
  t.ok(plain.forecast!.ttftMs > 0)
  await engine.close()
})

t.test('an engine that refuses what it cannot do in time says so before anything is computed', async t => {
  const engine = await loadTinyEngine({ refuseMissedSlo: true })
  const refused = engine.complete({ prompt: [1, 2, 3], maxTokens: 4, slo: { ttftMs: 1e-6 } })
  await t.rejects(refused.result(), { code: 'ERR_SLO_UNREACHABLE', statusCode: 503, param: 'slo.ttftMs' })
  t.equal(engine.stats().steps.steps, 0)
  t.equal(engine.stats().requests, 0)
  await engine.complete({ prompt: [1, 2, 3], maxTokens: 4, slo: { ttftMs: 60_000 } }).result()
  await engine.close()
})

t.test('times that make no sense are refused by name', async t => {
  const engine = await loadTinyEngine({})
  const wrong: Array<[object, string]> = [
    [{ ttftMs: Number.NaN }, 'slo.ttftMs'],
    [{ ttftMs: -1 }, 'slo.ttftMs'],
    [{ tpotMs: 0 }, 'slo.tpotMs'],
    [{ deadlineMs: Infinity }, 'slo.deadlineMs'],
    [{ ttft: 1 }, 'slo.ttft'],
    [{ ttftMs: 100, deadlineMs: 50 }, 'slo.ttftMs']
  ]
  for (const [slo, param] of wrong) {
    await t.rejects(engine.complete({ prompt: [1], slo: slo }).result(), { code: 'ERR_INVALID_PARAMETER', param })
  }
  await t.rejects(engine.complete({ prompt: [1], linkHealth: 1.5 }).result(), { code: 'ERR_INVALID_PARAMETER', param: 'linkHealth' })
  await t.rejects(engine.complete({ prompt: [1], sessionId: 7 as never }).result(), { code: 'ERR_INVALID_PARAMETER', param: 'sessionId' })
  t.equal(engine.stats().requests, 0)
  await engine.close()
})

t.test('a forecast is refused for the time that it misses', async t => {
  const forecast = { waitMs: 50, ttftMs: 100, e2eMs: 1000 }
  t.doesNotThrow(() => { refuseMissedSlo({ ttftMs: 100, deadlineMs: 1000 }, forecast) })
  t.throws(() => { refuseMissedSlo({ ttftMs: 99 }, forecast) }, /^The first token is wanted within 99 ms, but the queue forecasts 100 ms/)
  t.throws(() => { refuseMissedSlo({ ttftMs: 100, deadlineMs: 999 }, forecast) }, /^The last token is wanted within 999 ms/)
})

t.test('each of the three times is judged on its own', async t => {
  const times = { ttftMs: 100, e2eMs: 1000, toolMs: 0, outputTokens: 10 }
  t.equal(isSloMet({}, times), undefined)
  t.equal(isSloMet({ ttftMs: 99 }, times), false)
  t.equal(isSloMet({ tpotMs: 100 }, times), true)
  t.equal(isSloMet({ tpotMs: 99 }, times), false)
  t.equal(isSloMet({ deadlineMs: 1000 }, times), true)
  t.equal(isSloMet({ ttftMs: 1e9 }, { ...times, ttftMs: undefined }), false, 'no first token is no first token in time')
})
