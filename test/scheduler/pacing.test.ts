import t from 'tap'
import { Pacer, type PacingOptions } from '../../src/scheduler/pacing.js'
import { Scheduler } from '../../src/scheduler/scheduler.js'
import { Sequence, type SequenceOptions } from '../../src/scheduler/sequence.js'
import { createPool } from '../support/pool.js'
import { policyView } from '../support/policy-view.js'
import { idsOf, setup } from '../support/scheduler-rig.js'
import { ScriptedSteps } from '../support/scripted-steps.js'

/** A step takes 100 ms whatever is in it: two rows keep four readers of five tokens a second. */
const costs = { fixedMs: 100, prefillTokenMs: 0, decodeMs: 0, contextTokenMs: 0, prefillContextTokenMs: 0 }
const rows = 2

/** Sequences that decode, beside a pacer. */
function readers (count: number, options: Partial<PacingOptions> = {}, requests: Partial<SequenceOptions> = {}) {
  const pacer = new Pacer<Sequence>({ maxResidentSeqs: 100, readingTokensPerSec: 5, ...options })
  const add = (id: number, extra: Partial<SequenceOptions> = {}): Sequence => {
    const sequence = new Sequence({ id, arrivalMs: 0, promptIds: new Int32Array(4), maxTokens: 1000, ...requests, ...extra })
    sequence.state = 'running'
    sequence.planned = 4
    sequence.append(7)
    return sequence
  }
  const all = Array.from({ length: count }, (_, i) => add(i + 1))
  const plan = (nowMs: number): number[] => {
    const chosen: number[] = []
    pacer.start(all, rows, policyView({ nowMs, costs, maxNumSeqs: rows }))
    pacer.offer(rows, sequence => {
      chosen.push(sequence.id)
      sequence.planned++
      sequence.append(7)
      return true
    })
    return chosen.sort((a, b) => a - b)
  }
  return { all, add: (id: number, extra?: Partial<SequenceOptions>) => { all.push(add(id, extra)) }, plan, pacer }
}

const activeIds = (all: readonly Sequence[]) => all.filter(({ pace }) => pace?.isActive === true).map(({ id }) => id)

t.test('as many sequences are active as the rows can keep reading, and they get what is read', async t => {
  const { all, plan } = readers(7)
  const rowsOf = new Map<number, number>()
  for (let step = 0; step < 100; step++) for (const id of plan(step * 100)) rowsOf.set(id, (rowsOf.get(id) ?? 0) + 1)
  const active = activeIds(all)
  t.equal(active.length, 4, 'two rows every 100 ms are 20 tokens a second')
  for (const id of active) t.ok(rowsOf.get(id)! >= 49 && rowsOf.get(id)! <= 51, `${id} has ${rowsOf.get(id)} tokens after 10 s, at 5 a second`)
  t.equal([...rowsOf.values()].reduce((a, b) => a + b, 0), 200, 'no row is left empty')
})

t.test('rows that nobody is due for go to those that are ahead, then to the one that waits longest', async t => {
  const few = readers(2)
  t.same([few.plan(0), few.plan(1), few.plan(2)], [[1, 2], [1, 2], [1, 2]], 'two have a row each, however far ahead they are')
  const { all, add, plan } = readers(1, {}, { readingTokensPerSec: 10 })
  plan(0)
  for (const [id, nowMs] of [[2, 100], [3, 200], [4, 300]] as const) {
    add(id)
    plan(nowMs)
  }
  t.same(activeIds(all), [1, 2], 'each wants a row of every step')
  // 1 and 2 end: of those that wait, one may become active.
  all.splice(0, 2)
  t.same(plan(400), [3, 4])
  t.same(activeIds(all), [3, 4])
})

t.test('whoever began to wait last is promoted first, but after two seconds whoever waits longest', async t => {
  const { all, add, plan } = readers(4)
  plan(0)
  t.same(activeIds(all), [1, 2, 3, 4])
  for (const [id, nowMs] of [[5, 1000], [6, 1100], [7, 2500], [8, 2600]] as const) {
    add(id)
    plan(nowMs)
  }
  t.equal(activeIds(all).length, 4)
  const promoted: number[] = []
  for (const nowMs of [3100, 3200, 3300, 5000]) {
    const before = activeIds(all)
    all.splice(all.findIndex(({ id }) => id === before[0]), 1)
    plan(nowMs)
    promoted.push(...activeIds(all).filter(id => !before.includes(id)))
  }
  t.same(promoted, [8, 7, 5, 6])
})

t.test('a bad link counts as a longer wait, if that is wanted', async t => {
  const promotedOf = (healthMs: number): number[] => {
    const { all, add, plan } = readers(4, { healthMs })
    plan(0)
    add(5)
    plan(100)
    add(6, { linkHealth: 0.2 })
    plan(200)
    all.splice(0, 1)
    plan(300)
    return activeIds(all).slice(3)
  }
  t.same(promotedOf(0), [6], 'the later one')
  t.same(promotedOf(1000), [5], '800 ms of handicap are more than 100 ms')
})

t.test('a reader who has waited goes on from there, not from what he might have read', async t => {
  const { all, add, plan } = readers(4)
  plan(0)
  add(5)
  plan(100)
  all.splice(0, 1)
  plan(1500)
  const { pace } = all.find(({ id }) => id === 5)!
  t.equal(pace!.isActive, true)
  t.equal(pace!.baseMs, 1500 - 200, 'one token is read at 1500, and the next is due')
})

t.test('an SLO asks for a faster pace, and nobody counts for more than a row of each step', async t => {
  const paceOf = (extra: Partial<SequenceOptions>) => {
    const { all, plan } = readers(1, {}, extra)
    plan(0)
    return Math.round(all[0]!.pace!.tokensPerMs * 1000)
  }
  t.equal(paceOf({}), 5)
  t.equal(paceOf({ readingTokensPerSec: 2 }), 2)
  t.equal(paceOf({ slo: { tpotMs: 50 } }), 20)
  t.equal(paceOf({ slo: { deadlineMs: 2000 }, predictedTokens: 61 }), 30)
  const greedy = readers(5, {}, { readingTokensPerSec: 1e6 })
  greedy.plan(0)
  t.equal(activeIds(greedy.all).length, 2)
})

t.test('prompts come before those that read, and a step has no more rows than it may', async t => {
  const { add, plan, commit, scheduler } = setup({
    maxNumSeqs: 2, pacing: { maxResidentSeqs: 6, readingTokensPerSec: 5 }, stepCosts: () => costs
  })
  const [first, second] = [add(4, { maxTokens: 20 }), add(4, { maxTokens: 20 })]
  commit(plan()!)
  const [third, fourth, fifth] = [add(4), add(4), add(4)]
  const prompts = plan()!
  t.same(idsOf(prompts), [third.id, fourth.id], 'both rows')
  commit(prompts)
  t.same(idsOf(plan())![0], fifth.id)
  t.equal(scheduler.stats().running, 5, 'more hold KV than a step has rows')
  t.equal(first.state, 'running')
  t.equal(second.preemptions, 0)
})

t.test('prompts go on though more sequences decode than a step has tokens', async t => {
  const { add, plan, commit, finishAll, steps } = setup({
    maxNumSeqs: 4, maxBatchTokens: 4, pacing: { maxResidentSeqs: 8 }, stepCosts: () => costs
  })
  for (let i = 0; i < 6; i++) add(1, { maxTokens: 40 })
  for (let i = 0; i < 6; i++) commit(plan()!)
  const late = add(12)
  let plans = 0
  while (late.generatedTokens === 0 && plans++ < 20) commit(plan()!)
  t.ok(plans <= 14, `its 12 tokens took ${plans} plans`)
  finishAll()
  t.same(steps.faults, [])
})

t.test('fewer places than rows are refused', async t => {
  t.throws(() => setup({ maxNumSeqs: 8, pacing: { maxResidentSeqs: 7 } }), /maxResidentSeqs \(7\) must be at least maxNumSeqs \(8\)/)
})

t.test('under an overload without end nobody waits for more than twenty promotions for each that waited before him', async t => {
  const pool = createPool(4096, 16, 0)
  const resident = 24
  const scheduler = new Scheduler<Sequence>({
    pool, maxNumSeqs: rows, maxBatchTokens: 64, maxSequenceTokens: 256, stepCosts: () => costs,
    // All are fresh for ever: the last to come would always be first.
    pacing: { maxResidentSeqs: resident, readingTokensPerSec: 5, freshMs: 1e9 }
  })
  const steps = new ScriptedSteps()
  const all: Sequence[] = []
  const began = new Map<Sequence, { promotions: number, ahead: number }>()
  const waits: number[] = []
  let promotions = 0
  let nowMs = 0
  for (let step = 0; step < 20_000; step++) {
    // Twice as many tokens are asked for as can be computed.
    if (step % 5 === 0) {
      const sequence = new Sequence({ id: all.length + 1, arrivalMs: nowMs, promptIds: new Int32Array(4), maxTokens: 20 })
      all.push(sequence)
      steps.script(sequence, { tokens: new Int32Array(24), stops: false })
      scheduler.add(sequence)
    }
    const running = [...scheduler.sequences()].filter(({ state }) => state === 'running')
    const isActive = new Set(running.filter(({ pace }) => pace?.isActive === true))
    const idle = running.filter(({ pace }) => pace?.isActive === false).length
    const plan = scheduler.plan(nowMs)
    // Slower than the costs say: whoever is active is always late, and leaves no row to others.
    nowMs += 1.5 * costs.fixedMs
    if (plan === undefined) continue
    for (const sequence of running) {
      if (sequence.pace === undefined || isActive.has(sequence)) continue
      if (!began.has(sequence)) began.set(sequence, { promotions, ahead: idle })
      if (!sequence.pace.isActive) continue
      promotions++
      const { promotions: since, ahead } = began.get(sequence)!
      if (promotions - since > 20 * (ahead + 1) + 20) t.fail(`${sequence.id} waited for ${promotions - since} promotions behind ${ahead}`)
      waits.push(nowMs - sequence.pace.sinceMs)
    }
    scheduler.commit(plan.id, steps.run(plan), nowMs)
  }
  t.same(steps.faults, [])
  t.ok(Math.max(...waits) > 60_000, 'some wait for long')
  const ended = all.filter(({ state }) => state === 'ended').length
  const oldest = all.findIndex(({ state }) => state !== 'ended')
  t.ok(oldest >= ended - 20 * resident, `of ${all.length}, ${ended} have ended, and all of the first ${oldest}`)
})
