import t from 'tap'
import { bucketOf, upperEdge } from '../../../src/profiler/length-buckets.js'
import { SeededRandom } from '../../../src/simulator/random.js'
import type { TraceRequest } from '../../../src/simulator/trace-request.js'
import { burstyArrivals, poissonArrivals } from '../../../src/simulator/workloads/arrivals.js'
import { workloads, type Workload } from '../../../src/simulator/workloads/index.js'
import { linkKinds, proteusTrace } from '../../../src/simulator/workloads/proteus.js'
import { withBuckets, withExactLengths } from '../../../src/simulator/workloads/predictions.js'
import { testSeed } from '../../support/random.js'

const seed = testSeed()
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!
const isAbout = (actual: number, expected: number, tolerance: number) => Math.abs(actual / expected - 1) < tolerance

for (const [name, workload] of Object.entries(workloads) as Array<[string, Workload]>) {
  t.test(`${name}: sorted, whole, at its rate, and the same again from the same seed ${seed}`, async t => {
    const options = { requests: 20_000, ratePerSec: 5, seed }
    const trace = workload.trace(options)
    t.equal(trace.length, 20_000)
    t.ok(isAbout(trace.at(-1)!.arrivalMs, 20_000 / 5 * 1000, 0.1), `${trace.at(-1)!.arrivalMs} ms`)
    const isSound = (request: TraceRequest, i: number) => request.arrivalMs >= (trace[i - 1]?.arrivalMs ?? 0) &&
      Number.isInteger(request.promptTokens) && request.promptTokens > 0 && Number.isInteger(request.outputTokens) && request.outputTokens > 0
    t.same(trace.filter((request, i) => !isSound(request, i)), [])
    t.same(workload.trace(options).slice(0, 100), trace.slice(0, 100))
    t.not(workload.trace({ ...options, seed: seed + 1 })[50]!.arrivalMs, trace[50]!.arrivalMs)
    t.ok(trace.some(({ promptTokens, outputTokens }) => promptTokens + outputTokens <= workload.machine.maxModelLen))
  })
}

t.test(`UELLM's answers and deadlines are spread as described, seed ${seed}`, async t => {
  const trace = workloads.uellm.trace({ requests: 20_000, ratePerSec: 1, seed })
  const outputs = trace.map(({ outputTokens }) => outputTokens)
  t.ok(isAbout(median(outputs), 90, 0.05), `median ${median(outputs)}`)
  const logs = outputs.map(Math.log)
  const sigma = Math.sqrt(mean(logs.map(value => (value - mean(logs)) ** 2)))
  t.ok(isAbout(sigma, 1.1, 0.05), `sigma ${sigma}`)
  const deadlines = trace.map(({ slo }) => slo!.deadlineMs! / 1000)
  t.ok(isAbout(mean(deadlines), 175.5, 0.05) && Math.min(...deadlines) >= 1 && Math.max(...deadlines) <= 350)
})

t.test(`Proteus's links are of four kinds, and a request comes half a round trip after it was sent, seed ${seed}`, async t => {
  const trace = proteusTrace({ requests: 40_000, ratePerSec: 50, seed })
  for (const { name, share, rttMeanMs } of linkKinds) {
    const rtts = trace.filter(({ link }) => link === name).map(({ rttMs }) => rttMs)
    t.ok(isAbout(rtts.length / 40_000, share, 0.2), `${rtts.length} are ${name}`)
    t.ok(isAbout(mean(rtts), rttMeanMs, 0.1), `whose round trip is ${mean(rtts)} ms in the mean`)
  }
  // Who is far away is overtaken on the way: times of sending are not sorted.
  t.ok(trace.some((request, i) => i > 0 && request.arrivalMs - request.rttMs / 2 < trace[i - 1]!.arrivalMs - trace[i - 1]!.rttMs / 2))
})

t.test(`a burst has five times the requests of the time between, seed ${seed}`, async t => {
  const times = burstyArrivals(new SeededRandom(seed), 50_000, 10, { burstMs: 10_000, periodMs: 60_000, factor: 5 })
  const inside = times.filter(ms => ms % 60_000 < 10_000).length / 10
  const outside = times.filter(ms => ms % 60_000 >= 10_000).length / 50
  t.ok(isAbout(inside / outside, 5, 0.15), `${inside / outside}`)
  t.ok(isAbout(times.at(-1)! / 1000, 5000, 0.1), 'and the mean rate is the one asked for')
})

t.test('an infinite rate is a burst at time 0', async t => {
  t.same(poissonArrivals(new SeededRandom(1), 3, Infinity), [0, 0, 0])
})

t.test(`predictions name the right bucket as often as asked, and else the one beside it, seed ${seed}`, async t => {
  const trace = workloads.uellm.trace({ requests: 20_000, ratePerSec: 1, seed })
  const predicted = withBuckets(trace, 0.8, new SeededRandom(seed))
  const distances = predicted.map(({ outputTokens, reservedTokens }) => Math.abs(bucketOf(outputTokens) - Math.log2(reservedTokens! / 8)))
  t.ok(isAbout(distances.filter(distance => distance === 0).length / 20_000, 0.8, 0.03))
  t.same(distances.filter(distance => distance > 1), [])
  t.ok(predicted.every(({ predictedTokens, reservedTokens }) => predictedTokens === 0.75 * reservedTokens!))
  t.ok(predicted.every(({ reservedTokens }) => reservedTokens! >= upperEdge(0) && reservedTokens! <= upperEdge(8)))
  t.same(withExactLengths(trace).filter(({ outputTokens, predictedTokens }) => outputTokens !== predictedTokens), [])
})
