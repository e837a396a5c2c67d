import t from 'tap'
import { sloOdbs } from '../../../src/scheduler/policies/slo-odbs.js'
import { policyView } from '../../support/policy-view.js'
import { orderOf, waitingSequence } from '../../support/sequences.js'

// ChatGLM2-6B-like: 30 + 0.35 * 32 = 41.2 ms a token with 32 slots, 0.36 ms a prompt token.
const costs = { fixedMs: 30, prefillTokenMs: 0.36, decodeMs: 0.35, contextTokenMs: 0, prefillContextTokenMs: 0 }
const view = policyView({ costs, maxNumSeqs: 32, poolTokens: 1e6 })
const policy = sloOdbs({ urgentMs: 10_000, maxSloMs: 350_000 })

/** 100 prompt tokens and 100 to come: 36 + 4120 ms of work. */
const workMs = 4156
const due = (id: number, deadlineMs: number, options = {}) => waitingSequence(id, { predictedTokens: 100, slo: { deadlineMs }, ...options })

t.test('urgent requests by slack come before the others by length, and the late ones by length', async t => {
  const requests = [
    due(1, workMs - 1000, { predictedTokens: 200 }),
    due(2, workMs - 1000),
    due(3, 60_000, { predictedTokens: 20 }),
    due(4, 60_000, { predictedTokens: 10 }),
    due(5, workMs + 9000),
    due(6, workMs + 2000)
  ]
  t.same(orderOf(policy, requests, view), [6, 5, 4, 3, 2, 1])
})

t.test('classes change at slack 10 s, below slack 0, and at twice the longest SLO', async t => {
  const sequence = due(1, 60_000)
  const startMs = 60_000 - workMs
  const classAt = (nowMs: number) => {
    const untilMs = policy.rank(sequence, { ...view, nowMs })
    return [sequence.rankClass, Math.round(untilMs)]
  }
  t.same(classAt(0), [1, startMs - 10_000])
  t.same(classAt(startMs - 10_000), [1, startMs - 10_000], 'a slack of exactly 10 s is not urgent yet')
  t.same(classAt(startMs - 9999), [0, startMs])
  t.same(classAt(startMs), [0, startMs], 'a slack of exactly 0 is not late yet')
  t.same(classAt(startMs + 1), [2, 700_000])
  t.same(classAt(700_001), [0, Infinity])
})

t.test('an old late request comes before urgent ones, the earliest deadline first', async t => {
  const now = { ...view, nowMs: 800_000 }
  const urgent = due(1, workMs + 5000, { arrivalMs: 800_000 })
  t.same(orderOf(policy, [urgent, due(2, 60_000), due(3, 50_000)], now), [3, 2, 1])
})

t.test('a request without SLO is ordered by length, before the late, and first when it is old', async t => {
  const none = waitingSequence(1, { predictedTokens: 100 })
  t.same(orderOf(policy, [none, due(2, 1), due(3, 60_000, { predictedTokens: 20 })], view), [3, 1, 2])
  t.same(orderOf(policy, [none, due(2, workMs + 5000, { arrivalMs: 700_001 })], { ...view, nowMs: 700_001 }), [1, 2])
})

t.test('a wish for the first token alone makes a request urgent too', async t => {
  const first = waitingSequence(1, { predictedTokens: 500, slo: { ttftMs: 3000 } })
  t.same(orderOf(policy, [due(2, 60_000, { predictedTokens: 5 }), first], view), [1, 2])
})
