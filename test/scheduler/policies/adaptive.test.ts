import t from 'tap'
import { adaptive, type AdaptiveOptions } from '../../../src/scheduler/policies/adaptive.js'
import { engineShareMs } from '../../../src/scheduler/policies/engine-share.js'
import { policyOptionRanges } from '../../../src/scheduler/policies/index.js'
import { compareRanks } from '../../../src/scheduler/policy.js'
import { Scheduler } from '../../../src/scheduler/scheduler.js'
import { Sequence } from '../../../src/scheduler/sequence.js'
import { policyView } from '../../support/policy-view.js'
import { createPool } from '../../support/pool.js'
import { Random, testSeed } from '../../support/random.js'
import { ScriptedSteps } from '../../support/scripted-steps.js'
import { orderOf, randomSequence, waitingSequence } from '../../support/sequences.js'

const options = Object.fromEntries(Object.entries(policyOptionRanges).map(([name, range]) => [name, range.default])) as unknown as AdaptiveOptions
const policy = adaptive(options)
// 30 + 0.35 * 32 = 41.2 ms a token with 32 slots: 100 of them take 4.12 s of a slot, 129 ms of the engine. A prompt token: 0.36 ms of both.
const view = policyView({ costs: { fixedMs: 30, prefillTokenMs: 0.36, decodeMs: 0.35, contextTokenMs: 0, prefillContextTokenMs: 0 }, maxNumSeqs: 32, poolTokens: 1e6 })
const due = (id: number, deadlineMs: number, changes = {}) => waitingSequence(id, { predictedTokens: 100, slo: { deadlineMs }, ...changes })

t.test('a request takes of the engine its prompt, its own part of each step, and a share of the rest', async t => {
  const near = (found: number, wanted: number) => { t.ok(Math.abs(found / wanted - 1) < 1e-9, `${found}, not ${wanted}`) }
  const sequence = waitingSequence(1, { promptTokens: 100, predictedTokens: 100 })
  near(engineShareMs(sequence, view), 36 + 100 * (30 / 32 + 0.35))
  near(engineShareMs(sequence, { ...view, maxNumSeqs: 1 }), 36 + 100 * 30.35)
  near(engineShareMs(sequence, { ...view, poolTokens: 2000 }), 36 + 100 * (30 / 10 + 0.35))
  near(engineShareMs(sequence, { ...view, costs: { ...view.costs, contextTokenMs: 0.001, prefillContextTokenMs: 0 } }), 36 + 100 * (30 / 32 + 0.35 + 0.15))
  const withTool = waitingSequence(2, { promptTokens: 100, predictedTokens: 50, toolForecasts: [{ tokens: 50, durationMs: 1e6, resultTokens: 10 }] })
  near(engineShareMs(withTool, view), 36 + 100 * (30 / 32 + 0.35) + 3.6)
})

t.test('of pressed requests the earliest start is first, unless it is much larger', async t => {
  t.same(orderOf(policy, [due(1, 20_000), due(2, 15_000)], view), [2, 1])
  // 1900 tokens more take 2.4 s of the engine, which is put off by 122 s.
  t.same(orderOf(policy, [due(1, 120_000, { predictedTokens: 2000 }), due(2, 40_000)], { ...view, nowMs: 20_000 }), [2, 1])
})

t.test('what has slack to spare waits behind what has not, the small before the large', async t => {
  const requests = [due(1, 200_000), due(2, 300_000, { predictedTokens: 10 }), due(3, 20_000), due(4, 3000)]
  t.same(orderOf(policy, requests, view), [3, 2, 1, 4], 'what is late is last')
})

t.test('a rank ends when slack does, when the request becomes late, and when its turn has come after all', async t => {
  const sequence = due(1, 60_000, { promptTokens: 100 })
  const startMs = 60_000 - 4156
  const at = (nowMs: number) => [Math.round(policy.rank(sequence, { ...view, nowMs })), sequence.rankClass]
  t.same(at(0), [startMs - 20_000, 1])
  t.same(at(startMs - 19_999), [startMs, 0])
  t.same(at(startMs + 1), [startMs + 1 + 600_000 - 20_000, 2])
  t.same(at(startMs + 600_000), [Infinity, 0])
})

t.test('a request that goes on, by a tool call or after a preemption, is before all that begin', async t => {
  const resumed = waitingSequence(1, { isResumed: true, predictedTokens: 1000, arrivalMs: 5000 })
  const preempted = due(2, 1000)
  preempted.append(0)
  t.same(orderOf(policy, [due(3, 4200), resumed, preempted], view), [2, 1, 3])
})

t.test('of equal requests the better link is first, and three steps of priority are worth half a minute and no more', async t => {
  t.same(orderOf(policy, [due(1, 20_000, { linkHealth: 0.2 }), due(2, 20_000, { linkHealth: 0.9 })], view), [2, 1])
  t.same(orderOf(policy, [due(1, 10_000), due(2, 19_000, { priority: -1 })], view), [2, 1])
  t.same(orderOf(policy, [due(1, 10_000), due(2, 21_000, { priority: -1 })], view), [1, 2])
  const now = { ...view, nowMs: 100_000 }
  const patient = due(1, 115_000, { predictedTokens: 1 })
  t.same(orderOf(policy, [patient, due(2, 150_000, { priority: -1000, predictedTokens: 1, arrivalMs: 100_000 })], { ...now, nowMs: 131_000 - 20_000 }), [1, 2])
})

t.test('late requests are due one after the other, so that they take their share of the engine', async t => {
  const fresh = adaptive(options)
  const dues = Array.from({ length: 20 }, (_, i) => {
    const sequence = due(i + 1, 1, { promptTokens: 100 })
    fresh.rank(sequence, view)
    return sequence.lateDueMs!
  })
  t.equal(dues[0], 600_000)
  const gaps = dues.slice(1).map((dueMs, i) => dueMs - dues[i]!)
  t.ok(gaps.every(gapMs => Math.abs(gapMs - 10 * 164.75) < 1e-6), `gaps ${gaps[0]}: ten times what one takes of the engine`)
})

t.test('a policy that was tried out before gives the same ranks at the beginning of another clock', async t => {
  const used = adaptive(options)
  for (let id = 1; id <= 100; id++) used.rank(due(id, 1), { ...view, nowMs: 1e9 })
  t.same([used, adaptive(options)].map(policy => {
    const sequence = due(1, 1)
    policy.rank(sequence, view)
    return sequence.lateDueMs
  }), [600_000, 600_000])
})

/** Past its last due by this much, nobody who comes overtakes it: the head starts that there are, and a size's price. */
const headStartsMs = options.lateMs + options.resumedMs + options.healthMs + 6 * options.priorityMs

t.test('a request is overtaken by nobody who comes later than its due and the longest head start', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  for (let round = 0; round < 3000; round++) {
    const old = randomSequence(random, 1, { arrivalMs: 0, predictedTokens: random.integer(0, 4000), priority: random.pick([0, 0, 1000]) })
    const startMs = random.integer(0, 400_000)
    policy.rank(old, { ...view, nowMs: startMs })
    const hasSlo = old.ttftDeadlineMs < Infinity || old.deadlineMs < Infinity
    // Late at last, if it can be: its due does not change after that.
    policy.rank(old, { ...view, nowMs: 400_000 })
    const dueMs = old.isResumed ? 0 : hasSlo ? old.lateDueMs! : options.patienceMs
    const arrivalMs = Math.max(400_000, dueMs + headStartsMs) + random.integer(1, 1000)
    const young = randomSequence(random, 2, { arrivalMs, priority: random.pick([0, -1000]), linkHealth: 1, predictedTokens: 1 })
    const now = { ...view, nowMs: arrivalMs + random.integer(0, 1_000_000) }
    policy.rank(old, now)
    policy.rank(young, now)
    if (compareRanks(young, old) < 0) t.fail(`${JSON.stringify(young.slo)} overtook ${JSON.stringify(old.slo)} at ${now.nowMs}, due ${dueMs}`)
  }
})

const blockTokens = 16

/** One slot, steps of 10 ms, and twice as many requests as it can serve; the last of `victims` has been admitted at the end. */
function starve (victims: ReadonlyArray<Partial<ConstructorParameters<typeof Sequence>[0]>>, random: Random) {
  const costs = { fixedMs: 10, prefillTokenMs: 0, decodeMs: 0, contextTokenMs: 0, prefillContextTokenMs: 0 }
  const small: AdaptiveOptions = { ...options, slackMs: 500, patienceMs: 1000, lateMs: 3000, resumedMs: 500, healthMs: 100, priorityMs: 100 }
  const pool = createPool(64, blockTokens)
  const scheduler = new Scheduler<Sequence>({
    pool, maxNumSeqs: 1, maxBatchTokens: 64, maxSequenceTokens: 256, maxOutstanding: 1, policy: adaptive(small), stepCosts: () => costs
  })
  const steps = new ScriptedSteps()
  let id = 0
  let nowMs = 0
  const add = (changes: Partial<ConstructorParameters<typeof Sequence>[0]>, outputTokens: number): Sequence => {
    const promptIds = Int32Array.of(1, 2)
    const sequence = new Sequence({ id: ++id, arrivalMs: nowMs, predictedTokens: outputTokens, ...changes, promptIds, maxTokens: outputTokens })
    scheduler.add(sequence)
    steps.script(sequence, { tokens: Int32Array.from({ length: 2 + outputTokens }, (_, i) => i + 1), stops: false })
    return sequence
  }
  const olds = victims.map(changes => add(changes, 50))
  const admittedMs = new Map<Sequence, number>()
  const before: Sequence[] = []
  while (nowMs < 200_000 && admittedMs.size < olds.length) {
    // The worst that can come: small, pressed, important, on good links, some of them going on after a tool call.
    if (nowMs % 20 === 0) for (let i = 0; i < 2; i++) add({ slo: { deadlineMs: random.integer(20, 400) }, priority: -3, linkHealth: 1, isResumed: random.chance(0.2) }, 2)
    const plan = scheduler.plan(nowMs)!
    for (const sequence of plan.sequences) {
      if (olds.includes(sequence) && !admittedMs.has(sequence)) admittedMs.set(sequence, nowMs)
      if (!olds.includes(sequence) && admittedMs.size === 0) before.push(sequence)
    }
    nowMs += 10
    scheduler.commit(plan.id, steps.run(plan), nowMs)
  }
  return { olds, admittedMs, before, small, faults: steps.faults }
}

t.test('twice the load of small, pressed and important requests starves no large one, late one or one without SLO', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  for (const victim of [{}, { slo: { deadlineMs: 1 } }, { slo: { deadlineMs: 2000 } }, { slo: { deadlineMs: 1e9 } }]) {
    const { olds, admittedMs, before, small, faults } = starve([{ ...victim, priority: 1000, linkHealth: 0 }], new Random(seed))
    const [old] = olds as [Sequence]
    t.same(faults, [])
    t.ok(admittedMs.has(old), `${JSON.stringify(victim)}: served after ${admittedMs.get(old)! / 1000} s`)
    const dueMs = old.lateDueMs ?? Math.max(small.patienceMs, small.lateMs)
    const limitMs = dueMs + small.lateMs + small.resumedMs + small.healthMs + 6 * small.priorityMs
    t.ok(before.every(({ arrivalMs }) => arrivalMs <= limitMs), `nobody who came after ${limitMs} ms was before it`)
    t.ok(before.some(({ arrivalMs }) => arrivalMs > 0), 'others were, before that')
  }
})

t.test('many late requests are all served, and while others could be in time they get about their share', async t => {
  const victims = Array.from({ length: 20 }, () => ({ slo: { deadlineMs: 1 } }))
  const { olds, admittedMs } = starve(victims, new Random(1))
  t.equal(admittedMs.size, olds.length)
  const times = [...admittedMs.values()].sort((a, b) => a - b)
  // 50 tokens are 500 ms of the only slot.
  const share = (times.length - 1) * 500 / (times.at(-1)! - times[0]!)
  t.ok(share > 0.05 && share < 0.3, `${share} of the engine`)
})
