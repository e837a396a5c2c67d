import t, { type Test } from 'tap'
import { createPolicy, policyOptionRanges } from '../../../src/scheduler/policies/index.js'
import { augserveScore, type AugserveOptions } from '../../../src/scheduler/policies/augserve.js'
import { footprintTokenSec } from '../../../src/scheduler/policies/footprint.js'
import { WaitingQueue } from '../../../src/scheduler/waiting-queue.js'
import type { Sequence } from '../../../src/scheduler/sequence.js'
import { policyView } from '../../support/policy-view.js'
import { Random, testSeed } from '../../support/random.js'
import { orderOf, randomSequence, waitingSequence } from '../../support/sequences.js'

// An A100 with a 13B model: 35 ms a token in a full batch of 16, KV of 800 KiB a token swapped at 22 GB/s.
const costs = { fixedMs: 3, prefillTokenMs: 1000 / 6600, decodeMs: 2, contextTokenMs: 0, prefillContextTokenMs: 0 }
const view = policyView({ costs, maxNumSeqs: 16, poolTokens: 1e6 })
const swapTokenMs = 819_200 / 22e9 * 1000
const waits = { otherTokens: 15_000, swapTokenMs }
const defaults = Object.fromEntries(Object.entries(policyOptionRanges).map(([name, range]) => [name, range.default])) as unknown as AugserveOptions
const options = { ...defaults, swapTokenMs }
const policy = createPolicy('augserve', { swapTokenMs })

const plain = { promptTokens: 300, predictedTokens: 50, slo: { ttftMs: 3000 } }
const withTool = { ...plain, toolForecasts: [{ tokens: 50, durationMs: 700, resultTokens: 60 }] }
const pointsAt = (sequence: Sequence, nowMs: number, freeRatio = 0.5) => augserveScore(sequence, { ...view, nowMs, freeRatio }, options).points
const close = (t: Test, found: number, wanted: number) => t.ok(Math.abs(found / wanted - 1) < 1e-8, `${found}, not ${wanted}`)

t.test('the footprint adds memory times time of prompt, answer, and the cheapest way through each tool wait', async t => {
  close(t, footprintTokenSec(waitingSequence(1, plain), view, waits), 583.2863636)
  close(t, footprintTokenSec(waitingSequence(1, withTool), view, waits), 1431.526)
})

t.test('the score weighs size by the pool, age and urgency by the SLO, and puts a late request far behind', async t => {
  close(t, pointsAt(waitingSequence(1, { ...plain, arrivalMs: 4000 }), 5000), 12.61913105)
  close(t, pointsAt(waitingSequence(1, { ...plain, arrivalMs: 1000 }), 5000), 33.11913105)
})

t.test('after a tool call the request is ahead by kRes, cannot be late, and counts only what is left of it', async t => {
  const resumed = waitingSequence(1, { ...withTool, arrivalMs: 1000, isResumed: true })
  policy.rank(resumed, view)
  for (let i = 0; i < 25; i++) resumed.append(0)
  close(t, pointsAt(resumed, 5000), 7.561361867)
})

t.test('the footprint is estimated once, at the first rank, and later predictions change only what is left of it', async t => {
  const sequence = waitingSequence(1, plain)
  policy.rank(sequence, view)
  const before = sequence.footprintTokenSec
  sequence.predictedTokens = 500
  policy.rank(sequence, { ...view, nowMs: 1000 })
  t.equal(sequence.footprintTokenSec, before)
})

t.test('a late request goes behind all that can still be on time, whatever their size', async t => {
  const late = waitingSequence(1, { ...plain, predictedTokens: 1 })
  const large = waitingSequence(2, { ...plain, promptTokens: 4000, predictedTokens: 2000, arrivalMs: 3000 })
  t.same(orderOf(policy, [late, large], { ...view, nowMs: 2999 }), [1, 2])
  t.same(orderOf(policy, [late, large], { ...view, nowMs: 3001 }), [2, 1])
})

t.test('a late request is at the front again after kLate / kAge deadlines and what its size is worth', async t => {
  const late = waitingSequence(1, plain)
  const spread = 2 * Math.log2(1 + footprintTokenSec(late, view, waits))
  const boundMs = 3000 * (options.kLate + options.kAge + options.kUrg + spread) / options.kAge
  const overtakers = (nowMs: number) => [0, 1000, 2900].map((ageMs, i) =>
    waitingSequence(2 + i, { ...plain, promptTokens: 1, predictedTokens: 1, arrivalMs: nowMs - ageMs }))
  const at = (nowMs: number) => orderOf(policy, [late, ...overtakers(nowMs)], { ...view, nowMs, freeRatio: 0 })[0]
  t.not(at(40 * 3000), 1, 'small ones are still ahead')
  t.equal(at(boundMs), 1)
})

t.test('without tools and with equal sizes, the nearest deadline is first; with equal deadlines, the smallest', async t => {
  const byDeadline = [3000, 1500, 2500].map((ttftMs, i) => waitingSequence(i + 1, { ...plain, slo: { ttftMs } }))
  t.same(orderOf(policy, byDeadline, { ...view, nowMs: 1000 }), [2, 3, 1])
  const bySize = [300, 100, 200].map((predictedTokens, i) => waitingSequence(i + 1, { ...plain, predictedTokens }))
  t.same(orderOf(policy, bySize, { ...view, nowMs: 1000 }), [2, 3, 1])
})

t.test('a tiny SLO or none makes nobody old in no time', async t => {
  const nothing = waitingSequence(1, { ...plain, slo: { ttftMs: 1 } })
  const none = waitingSequence(2, { ...plain, slo: {} })
  const fresh = waitingSequence(3, { ...plain, arrivalMs: 6000 })
  t.same(orderOf(policy, [nothing, none, fresh], { ...view, nowMs: 6000 }), [2, 3, 1])
})

t.test('scores in the queue are off by less than half a point', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const queue = new WaitingQueue<Sequence>(policy)
  const now = { ...view, nowMs: 0, freeRatio: 0.2 }
  const inside: Sequence[] = []
  let worst = 0
  for (let id = 1; id <= 600; id++) {
    now.nowMs += random.integer(0, 200)
    const sequence = randomSequence(random, id, { arrivalMs: now.nowMs })
    queue.push(sequence, now)
    inside.push(sequence)
    queue.refresh(now)
    const first = queue.peek(now)!
    const points = inside.map(sequence => augserveScore(sequence, now, options).points)
    worst = Math.max(worst, points[inside.indexOf(first)]! - Math.min(...points))
    if (random.chance(0.4)) continue
    queue.remove(first)
    inside.splice(inside.indexOf(first), 1)
  }
  t.ok(worst < 0.5, `worst ${worst}`)
  t.ok(worst > 0, 'ranks are not renewed all the time')
})
