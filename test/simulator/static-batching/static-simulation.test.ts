import t from 'tap'
import { fifoBatches } from '../../../src/simulator/static-batching/baselines.js'
import { simulateStatic } from '../../../src/simulator/static-batching/static-simulation.js'

const cost = { fixedSec: 1, prefillTokenSec: 0.1, stepSec: 0.5, sequenceSec: 0.25 }
const pairs = { maxRequests: 2, kvTokens: 1000 }

t.test('a batch takes its padded prompts and its longest answer, and all of it ends at once', async t => {
  const { requests, waste, durationMs } = simulateStatic([
    { arrivalMs: 0, promptTokens: 4, outputTokens: 2, slo: { deadlineMs: 10_000 } },
    { arrivalMs: 0, promptTokens: 10, outputTokens: 8 },
    { arrivalMs: 1000, promptTokens: 10, outputTokens: 1 }
  ], { batcher: all => fifoBatches(all, pairs), cost })
  const first = 1000 * (1 + 0.1 * 2 * 10 + 8 * (0.5 + 0.25 * 2))
  t.same(requests.map(({ e2eMs }) => e2eMs), [first, first, first - 1000 + 1000 * (1 + 0.1 * 10 + 0.75)])
  t.equal(requests[0]!.ttftMs, 1000 * (1 + 2 + 1))
  t.equal(requests[2]!.queueMs, first - 1000, 'nobody joins a batch')
  t.equal(waste, 1 - 11 / 17)
  t.equal(durationMs, first + 2750)
})

t.test('batches are made of predicted lengths and take the true ones', async t => {
  const trace = [
    { arrivalMs: 0, promptTokens: 1, outputTokens: 5, predictedTokens: 100 },
    { arrivalMs: 0, promptTokens: 1, outputTokens: 50, predictedTokens: 100 }
  ]
  const seen: number[] = []
  const { durationMs } = simulateStatic(trace, {
    batcher: all => {
      seen.push(...all.map(({ outputTokens }) => outputTokens))
      return fifoBatches(all, pairs)
    },
    cost
  })
  t.same(seen, [100, 100])
  t.equal(durationMs, 1000 * (1 + 0.2 + 50))
})

t.test('what fits into no memory fails, and the rest goes on', async t => {
  const { requests } = simulateStatic([
    { arrivalMs: 0, promptTokens: 2000, outputTokens: 5 }, { arrivalMs: 0, promptTokens: 1, outputTokens: 5 }
  ], { batcher: all => fifoBatches(all, pairs), cost })
  t.match(requests[0]!.failure, /does not fit/)
  t.equal(requests[1]!.failure, undefined)
})
