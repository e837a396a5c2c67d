import t from 'tap'
import { RowStatus } from '../../src/core/step.js'
import { EngineSequence } from '../../src/engine/engine-sequence.js'
import { oneTwoFive } from '../../src/engine/measurement-bounds.js'
import { answering, scriptedEngine } from '../support/scripted-model.js'
import { loadTinyEngine } from '../support/tiny-engine.js'

const words = ['<end>', 'a ', 'b ', 'c ']

t.test('every sequence that ended is counted once, with its tokens, its times and how it ended', async t => {
  const engine = await loadTinyEngine()
  const results = await Promise.all([
    engine.complete({ prompt: [1, 2, 3], maxTokens: 5, ignoreEos: true }).result(),
    engine.complete({ prompt: [4, 5], maxTokens: 3, n: 3, ignoreEos: true }).result()
  ])
  const { measured, stats } = engine.metrics()
  t.same(measured.finished, { stop: 0, length: 4, abort: 0, error: 0 })
  t.equal(measured.generatedTokens, 14)
  t.equal(stats.generatedTokens, 14)
  t.equal(measured.promptTokens, 3 + 3 * 2)
  for (const name of ['ttftSec', 'e2eSec', 'queueSec', 'prefillSec', 'decodeSec', 'inferenceSec', 'tpotSec', 'sequencePromptTokens', 'sequenceOutputTokens', 'sequenceMaxTokens', 'sequenceComputedTokens'] as const) {
    t.equal(measured[name].count, 4, name)
  }
  t.equal(measured.interTokenSec.count, 4 + 3 * 2, 'each gap between two tokens')
  t.equal(measured.sequenceOutputTokens.sum, 14)
  t.equal(measured.requestN.count, 2)
  t.equal(measured.requestN.sum, 4)
  t.equal(measured.requestLongestOutput.sum, 8)
  t.equal(measured.stepTokens.count, stats.steps.steps)
  t.equal(measured.stepTokens.sum, stats.steps.tokens)
  t.ok(Math.abs(measured.stepSec.sum * 1000 - stats.steps.busyMs) < 1e-6)
  t.equal(measured.predictionSec.count, 2)
  const longestSec = Math.max(...results.map(({ timeline }) => timeline.e2eMs)) / 1000
  t.ok(measured.e2eSec.sum <= 4 * longestSec)
  t.ok(Math.abs(measured.queueSec.sum + measured.inferenceSec.sum - measured.e2eSec.sum) < 0.01, 'queue and inference make up the whole')
  t.ok(Math.abs(measured.prefillSec.sum + measured.decodeSec.sum - measured.inferenceSec.sum) < 1e-6)
  await engine.close()
})

t.test('tokens are counted as they come, not when their request ends', async t => {
  const { engine } = scriptedEngine(words, { next: () => 1, stepMs: () => 1 })
  const generation = engine.complete({ prompt: 'a ' })
  let chunks = 0
  for await (const { finishReason } of generation) {
    if (finishReason === undefined && ++chunks === 3) break
  }
  const { measured } = engine.metrics()
  t.ok(measured.generatedTokens >= 3)
  t.equal(measured.ttftSec.count, 1)
  await generation.result()
  t.same(measured.finished, { stop: 0, length: 0, abort: 1, error: 0 })
  await engine.close()
})

t.test('what became of the times that were asked for is counted: met, missed, refused, aborted', async t => {
  const engine = await loadTinyEngine()
  const prompt = [1, 2, 3]
  await engine.complete({ prompt, maxTokens: 2, slo: { deadlineMs: 60_000 } }).result()
  await engine.complete({ prompt, maxTokens: 2, slo: { ttftMs: 1e-6 } }).result()
  await engine.complete({ prompt, maxTokens: 2 }).result()
  const left = engine.complete({ prompt, slo: { deadlineMs: 60_000 } })
  await left.accepted
  left.abort()
  await left.result()
  t.same(engine.metrics().measured.slo, { met: 1, missed: 1, refused: 0, aborted: 1 })
  await engine.close()
  const strict = await loadTinyEngine({ refuseMissedSlo: true })
  await t.rejects(strict.complete({ prompt, slo: { ttftMs: 1e-6 } }).result(), { code: 'ERR_SLO_UNREACHABLE' })
  t.same(strict.metrics().measured.slo, { met: 0, missed: 0, refused: 1, aborted: 0 })
  t.equal(strict.metrics().measured.e2eSec.count, 0, 'what never ran has no latency')
  await strict.close()
})

t.test('forecasts are held against what came, each event once, as too early or too late', async t => {
  const engine = await loadTinyEngine()
  await Promise.all([1, 2, 3].map(async id => await engine.complete({ prompt: [id], maxTokens: 4 }).result()))
  const { forecastWait, forecastTtft, forecastE2e } = engine.metrics().measured
  for (const { earlier, later } of [forecastWait, forecastTtft, forecastE2e]) t.equal(earlier.count + later.count, 3)
  await engine.close()
})

t.test('answers without numbers count as corrupted and failed', async t => {
  const { engine } = scriptedEngine(words, { next: answering(1), statusOf: () => RowStatus.badLogits })
  await t.rejects(engine.complete({ prompt: 'a ' }).result())
  const { measured } = engine.metrics()
  t.equal(measured.finished.error, 1)
  t.equal(measured.corrupted, 1)
  await engine.close()
})

t.test('ranges of amounts of tokens end at 1, 2, 5, 10, ... within the longest sequence', t => {
  t.same(oneTwoFive(100), [1, 2, 5, 10, 20, 50, 100])
  t.same(oneTwoFive(256), [1, 2, 5, 10, 20, 50, 100, 200])
  t.end()
})

t.test('a token or a step takes no memory to be counted', { skip: globalThis.gc === undefined ? 'needs --expose-gc' : false }, async t => {
  const { engine } = scriptedEngine(words, { next: answering(1, 2) })
  const { measured } = engine.metrics()
  const sequence = new EngineSequence({ id: 1, arrivalMs: 0, promptIds: Int32Array.of(1), maxTokens: 4 }, {} as never)
  // One object for all calls: a new number for each would take memory of its own.
  const nowMs = 1000.5
  const run = (count: number): void => {
    for (let i = 0; i < count; i++) {
      measured.token(sequence, nowMs)
      measured.step(i & 255, 12.5)
    }
  }
  // The compiler takes memory of its own now and then: the least of several runs is what counting takes.
  const perToken = Math.min(...Array.from({ length: 6 }, () => {
    run(200_000)
    globalThis.gc!()
    const before = process.memoryUsage().heapUsed
    run(200_000)
    return (process.memoryUsage().heapUsed - before) / 200_000
  }))
  t.ok(perToken < 1, `${perToken.toFixed(2)} bytes a token`)
  await engine.close()
})
