import t from 'tap'
import { attainmentChart, chartPage, formatMs, ttftChart } from '../../src/simulator/chart/report.js'
import type { RequestResult } from '../../src/simulator/request-result.js'
import { quantile, summarize } from '../../src/simulator/summary.js'

function result (index: number, changes: Partial<RequestResult> = {}): RequestResult {
  return {
    index,
    arrivalMs: index * 100,
    promptTokens: 10,
    outputTokens: 11,
    slo: { ttftMs: 50 },
    failure: undefined,
    ttftMs: 10 * (index + 1),
    e2eMs: 10 * (index + 1) + 100,
    queueMs: 4,
    toolMs: 0,
    preemptions: 1,
    cachedTokens: 5,
    ...index < 2 && { qoe: 0.25 + 0.5 * index },
    ...changes
  }
}

t.test('the numbers of a run are what they are called', async t => {
  const results = [...Array.from({ length: 9 }, (_, i) => result(i)), result(9, { failure: 'no room', ttftMs: NaN, e2eMs: NaN })]
  const summary = summarize(results, 2000)
  t.match(summary, {
    requests: 10, failed: 1, sloMetRatio: 0.5, goodPerSec: 2.5, requestsPerSec: 4.5, outputTokensPerSec: 9 * 11 / 2,
    ttftMeanMs: 50, ttftP50Ms: 50, ttftP99Ms: 90, tpotMeanMs: 10, tpotP99Ms: 10, e2eMeanMs: 150, e2eP50Ms: 150, e2eP99Ms: 190,
    queueMeanMs: 4, preemptions: 10, qoeMean: 0.5, cachedRatio: 0.5, durationMs: 2000
  })
})

t.test('requests without an SLO count as good when they are done, and in no attainment', async t => {
  const summary = summarize([result(0, { slo: {} }), result(1, { slo: {}, failure: 'x' }), result(2, { slo: { ttftMs: 1 } })], 1000)
  t.equal(summary.sloMetRatio, 0)
  t.equal(summary.goodPerSec, 1)
  t.ok(Number.isNaN(summarize([result(0, { slo: {} })], 1000).sloMetRatio))
})

t.test('the time of tools belongs to no token', async t => {
  t.equal(summarize([result(0, { ttftMs: 10, e2eMs: 1110, toolMs: 1000 })], 1000).tpotMeanMs, 10)
})

t.test('a quantile is the smallest value that so many do not exceed', async t => {
  t.same([0, 0.5, 0.51, 1].map(q => quantile([1, 2, 3, 4], q)), [1, 2, 3, 4])
  t.ok(Number.isNaN(quantile([], 0.5)))
})

t.test('charts of odd runs have no odd numbers', async t => {
  for (const requests of [[], [result(0)], [result(0, { failure: 'x', ttftMs: NaN, e2eMs: NaN })], [result(0, { ttftMs: 0 }), result(1, { ttftMs: 0.001 })]]) {
    const runs = [{ name: 'a <b> & "c"', requests }]
    for (const chart of [ttftChart(runs), attainmentChart(runs), chartPage('x', 'y', runs)]) t.notMatch(chart, /NaN|Infinity|undefined|<b>/)
  }
})

t.test('times are shown in the unit that suits them', async t => {
  t.same([0, 12.345, 999, 1500, 119_000, 180_000].map(formatMs), ['0 ms', '12.3 ms', '999 ms', '1.5 s', '119 s', '3 min'])
})
