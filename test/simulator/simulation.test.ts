import t, { type Test } from 'tap'
import type { Policy } from '../../src/scheduler/policy.js'
import { isSloMet, tpotMs } from '../../src/simulator/request-result.js'
import { simulate, type SimulationOptions } from '../../src/simulator/simulation.js'
import { linearTimes } from '../../src/simulator/step-times.js'
import type { TraceRequest } from '../../src/simulator/trace-request.js'
import { loadAddon } from '../../src/native/addon.js'
import { prefixKeys, prefixRoot } from '../support/pool.js'
import { Random, testSeed } from '../support/random.js'

const times = linearTimes({ fixedMs: 10, prefillTokenMs: 1, decodeMs: 2, contextTokenMs: 0.1, prefillContextTokenMs: 0 })
const blockTokens = 4

function options (changes: Partial<SimulationOptions> = {}, blocks = 64): SimulationOptions {
  return { pool: loadAddon().createKvPool(blocks, blockTokens), times, maxNumSeqs: 4, maxBatchTokens: 32, maxSequenceTokens: 200, ...changes }
}

const near = (t: Test, actual: number, expected: number, name: string) => {
  t.ok(Math.abs(actual - expected) < 1e-9, `${name}: ${actual}, expected ${expected}`)
}

t.test('one request takes the time of its steps', async t => {
  const { requests: [request], steps, busyMs } = simulate([{ arrivalMs: 5, promptTokens: 4, outputTokens: 3 }], options())
  near(t, request!.ttftMs, 10 + 4, 'its prompt')
  near(t, request!.e2eMs, 14 + (10 + 2 + 0.5) + (10 + 2 + 0.6), 'and two decodes, of 5 and 6 tokens of context')
  near(t, tpotMs(request!), (12.5 + 12.6) / 2, 'TPOT')
  t.equal(request!.queueMs, 0)
  t.equal(request!.outputTokens, 3)
  near(t, busyMs, 39.1, 'the step that was queued behind the last token costs nothing')
  t.equal(steps, 4, 'though it was queued')
})

t.test('the later part of a long prompt takes longer: it attends to more', async t => {
  const { costs } = times
  const { requests: [request] } = simulate([{ arrivalMs: 0, promptTokens: 40, outputTokens: 1 }], options({ times: linearTimes({ ...costs, prefillContextTokenMs: 0.5 }) }))
  near(t, request!.ttftMs, 2 * 10 + 40 + 0.5 * (32 * 33 / 2 + 8 * 32 + 8 * 9 / 2), 'steps of 32 and 8 tokens')
})

t.test('a request that comes while two steps are queued joins the third', async t => {
  const { requests: [, second] } = simulate([
    { arrivalMs: 0, promptTokens: 4, outputTokens: 9 }, { arrivalMs: 1, promptTokens: 6, outputTokens: 1 }
  ], options())
  near(t, second!.queueMs, 14 - 1, 'it is planned when the first step ends')
  near(t, second!.ttftMs, 14 - 1 + 12.5 + (10 + 6 + 2 + 0.6), 'and computed after the second, beside a decode')
})

t.test('a request without room is refused with the reason, and others run on', async t => {
  const { requests } = simulate([
    { arrivalMs: 0, promptTokens: 500, outputTokens: 1, slo: { ttftMs: 1e6 } }, { arrivalMs: 0, promptTokens: 5, outputTokens: 1 }
  ], options())
  t.match(requests[0]!.failure, /500 tokens/)
  t.equal(isSloMet(requests[0]!), false)
  t.equal(requests[1]!.failure, undefined)
})

t.test('an answer ends at its limit', async t => {
  const { requests: [request] } = simulate([{ arrivalMs: 0, promptTokens: 5, outputTokens: 50, maxTokens: 7 }], options())
  t.equal(request!.outputTokens, 7)
})

t.test('each part of an SLO can be missed alone', async t => {
  const met = (slo: TraceRequest['slo']) => isSloMet(simulate([
    { arrivalMs: 0, promptTokens: 4, outputTokens: 3, ...slo !== undefined && { slo } }], options()).requests[0]!)
  t.equal(met(undefined), undefined, 'no wish')
  t.equal(met({ ttftMs: 14, tpotMs: 12.6, deadlineMs: 39.2 }), true)
  t.equal(met({ ttftMs: 13.9 }), false)
  t.equal(met({ tpotMs: 12.5 }), false)
  t.equal(met({ deadlineMs: 39 }), false)
})

t.test('a request with tools comes back with what it said and the result', async t => {
  const { requests: [request] } = simulate([{
    arrivalMs: 0, promptTokens: 4, outputTokens: 2, tools: [{ tokens: 3, durationMs: 100, resultTokens: 5, name: 'search' }]
  }], options())
  t.equal(request!.outputTokens, 5)
  t.equal(request!.toolMs, 100)
  near(t, request!.ttftMs, 14, 'TTFT is that of the first turn')
  t.ok(request!.e2eMs > 39.1 + 100)
  t.equal(request!.failure, undefined)
})

t.test('a return is told to the policy, unless returns are to look new', async t => {
  const returns = (changes: Partial<SimulationOptions>) => {
    const seen = new Set<boolean>()
    const policy: Policy = {
      name: 'watching',
      rank (sequence) {
        seen.add(sequence.isResumed)
        sequence.rankClass = sequence.rankTie = 0
        sequence.rankKey = sequence.arrivalMs
        return Infinity
      }
    }
    simulate([{ arrivalMs: 0, promptTokens: 4, outputTokens: 2, tools: [{ tokens: 3, durationMs: 100, resultTokens: 5 }] }], options({ policy, ...changes }))
    return [...seen]
  }
  t.same(returns({}), [false, true])
  t.same(returns({ returnsAreNew: true }), [false])
})

t.test('a turn after a short tool goes on in the KV that was kept, by durations that were learnt', async t => {
  const call = { promptTokens: 100, outputTokens: 2, tools: [{ tokens: 3, durationMs: 50, resultTokens: 5, name: 'short' }] }
  const trace = [0, 5000, 10_000].map(arrivalMs => ({ ...call, arrivalMs }))
  const learnt: Array<[string, number]> = []
  const toolTimes = { observe: (name: string, ms: number) => { learnt.push([name, ms]) }, remainingMs: () => 50 }
  const kept = simulate(trace, options({ toolTimes }))
  const dropped = simulate(trace, options())
  t.same(learnt, [['short', 50], ['short', 50], ['short', 50]])
  for (const [i, { e2eMs }] of kept.requests.entries()) {
    near(t, dropped.requests[i]!.e2eMs - e2eMs, dropped.busyMs / 3 - kept.busyMs / 3, 'the difference is the prompt, computed again')
    t.ok(dropped.requests[i]!.e2eMs - e2eMs > 100)
  }
})

t.test('KV that waits in the host tier comes back, and the copies that nothing hides take time', async t => {
  const swap = { tokenMs: 0.5, hiddenRatio: 0.8 }
  const long = { promptTokens: 100, outputTokens: 2, tools: [{ tokens: 3, durationMs: 60_000, resultTokens: 5 }], arrivalMs: 0 }
  const toolTimes = { observe: () => {}, remainingMs: () => 60_000 }
  const hosted = (changes: Partial<SimulationOptions>) => simulate([long], {
    ...options({ toolTimes, ...changes }), pool: loadAddon().createKvPool(64, blockTokens, 64)
  }).requests[0]!
  const copied = hosted({ swap })
  const free = hosted({ swap: { ...swap, hiddenRatio: 1 } })
  t.ok(copied.e2eMs < simulate([long], options()).requests[0]!.e2eMs - 50, 'cheaper than computing it again')
  // 102 tokens with KV are 26 blocks, out and back.
  near(t, copied.e2eMs - free.e2eMs, 2 * 26 * blockTokens * 0.5 * 0.2 / 2, 'the copy back; nobody waits for the one out')
})

t.test('turns of one session share their text: the second computes only what is new', async t => {
  const root = prefixRoot(['test'])
  const prefix = { root, keysOf: (from: Uint8Array, ids: Int32Array) => prefixKeys(from, ids, blockTokens) }
  const trace: TraceRequest[] = [
    { arrivalMs: 0, promptTokens: 10, outputTokens: 3, sessionId: 'a' },
    { arrivalMs: 1000, promptTokens: 20, outputTokens: 3, sessionId: 'a' },
    { arrivalMs: 2000, promptTokens: 20, outputTokens: 3, sessionId: 'b' }
  ]
  t.same(simulate(trace, options({ prefix })).requests.map(request => request.cachedTokens), [0, 12, 0])
  t.same(simulate(trace, options()).requests.map(request => request.cachedTokens), [0, 0, 0], 'without a cache')
})

t.test('blocks of a prompt with equal ids have equal text', async t => {
  const root = prefixRoot(['test'])
  const prefix = { root, keysOf: (from: Uint8Array, ids: Int32Array) => prefixKeys(from, ids, blockTokens) }
  const request = { promptTokens: 1030, outputTokens: 1 }
  const { requests } = simulate([
    { ...request, arrivalMs: 0, prefixIds: [7, 8, 9] }, { ...request, arrivalMs: 1e5, prefixIds: [7, 11, 9] }
  ], options({ prefix, maxSequenceTokens: 2000 }, 1000))
  t.equal(requests[1]!.cachedTokens, 512)
})

const seed = testSeed()
t.test(`every request ends, twice alike, and all blocks come back, seed ${seed}`, async t => {
  const random = new Random(seed)
  for (let round = 0; round < 20; round++) {
    let arrivalMs = 0
    const trace: TraceRequest[] = Array.from({ length: 60 }, () => ({
      arrivalMs: arrivalMs += random.integer(0, 60),
      promptTokens: random.integer(1, 60),
      outputTokens: random.integer(1, 40),
      tools: random.chance(0.3) ? [{ tokens: random.integer(1, 9), durationMs: random.integer(0, 300), resultTokens: random.integer(0, 9) }] : []
    }))
    const [a, b] = [options({}, 40), options({}, 40)]
    const result = simulate(trace, a)
    t.same(result, simulate(trace, b))
    t.equal(result.requests.filter(({ failure }) => failure === undefined).length, trace.length)
    t.equal(a.pool.stats().usedBlocks, 0)
    t.ok(result.busyMs <= result.durationMs + 1e-6)
    for (const [i, request] of result.requests.entries()) {
      t.equal(request.outputTokens, trace[i]!.outputTokens + trace[i]!.tools!.reduce((sum, { tokens }) => sum + tokens, 0))
      t.ok(request.ttftMs <= request.e2eMs - request.toolMs && request.queueMs <= request.e2eMs)
    }
  }
})

t.test('with pacing, more requests are under way than a step has rows, and each is read as it comes', async t => {
  const slow = linearTimes({ fixedMs: 100, prefillTokenMs: 0, decodeMs: 0, contextTokenMs: 0, prefillContextTokenMs: 0 })
  const trace = Array.from({ length: 8 }, () => ({ arrivalMs: 0, promptTokens: 4, outputTokens: 20 }))
  const run = (changes: Partial<SimulationOptions>) => simulate(trace, options({ times: slow, ...changes }, 256)).requests
  const [plain, paced] = [run({}), run({ pacing: { maxResidentSeqs: 8 } })]
  t.ok(Math.max(...plain.map(({ ttftMs }) => ttftMs)) > 2000, 'without it, half of them wait for the others to end')
  t.ok(Math.max(...paced.map(({ ttftMs }) => ttftMs)) <= 300, 'with it, nobody does')
  // Four rows a step are 40 tokens a second, more than eight readers take.
  t.ok(paced.every(({ qoe }) => qoe === 1), `QoE ${paced.map(({ qoe }) => qoe).join(' ')}`)
  t.ok(plain.some(({ qoe }) => qoe! < 0.7))
})

t.test('each token is told of, with its request', async t => {
  const seen: Array<[number, number]> = []
  const { requests } = simulate([{ arrivalMs: 0, promptTokens: 4, outputTokens: 2 }, { arrivalMs: 500, promptTokens: 4, outputTokens: 1 }],
    options({ onToken: (index, nowMs) => { seen.push([index, nowMs]) } }))
  t.same(seen, [[0, requests[0]!.ttftMs], [0, requests[0]!.e2eMs], [1, 500 + requests[1]!.ttftMs]])
})
