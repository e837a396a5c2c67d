import t from 'tap'
import { Scheduler } from '../../src/scheduler/scheduler.js'
import type { SchedulerOptions } from '../../src/scheduler/scheduler-options.js'
import { Sequence, type SequenceOptions } from '../../src/scheduler/sequence.js'
import { createPool, prefixKeys, prefixRoot } from '../support/pool.js'
import { ScriptedSteps } from '../support/scripted-steps.js'

const blockTokens = 4
const root = prefixRoot(['parked'])
/** Recomputing costs more than waiting a little. */
const costs = { fixedMs: 10, prefillTokenMs: 10, decodeMs: 1, contextTokenMs: 0, prefillContextTokenMs: 0 }

function setup (options: Partial<SchedulerOptions<Sequence>> & { blocks?: number, hostBlocks?: number } = {}) {
  const pool = createPool(options.blocks ?? 64, blockTokens, options.hostBlocks ?? 0)
  const returns: Array<[number, number]> = []
  const scheduler = new Scheduler<Sequence>({
    pool,
    maxNumSeqs: 8,
    maxBatchTokens: 64,
    maxSequenceTokens: 256,
    stepCosts: () => costs,
    onReturn: (id, waitedMs) => { returns.push([id, waitedMs]) },
    extendKeys: sequence => {
      sequence.prefixKeys = prefixKeys(root, sequence.tokens.subarray(0, sequence.numTokens), blockTokens)
    },
    ...options
  })
  const steps = new ScriptedSteps()
  let nextId = 1
  const clock = { now: 0 }
  /** A sequence of these tokens whose answer is `answer` tokens and a stop. */
  const add = (promptIds: ArrayLike<number>, answer: number, extra: Partial<SequenceOptions> = {}): Sequence => {
    const ids = Int32Array.from(promptIds)
    const sequence = new Sequence({ id: nextId++, arrivalMs: clock.now, maxTokens: 100, ...extra, promptIds: ids })
    scheduler.add(sequence)
    const tokens = Int32Array.from({ length: ids.length + answer }, (_, i) => ids[i] ?? 1000 + sequence.id * 100 + i)
    steps.script(sequence, { tokens, stops: true })
    return sequence
  }
  const run = (untilMs = Infinity): void => {
    for (let plan = scheduler.plan(clock.now); plan !== undefined && clock.now < untilMs; plan = scheduler.plan(clock.now)) {
      scheduler.commit(plan.id, steps.run(plan), ++clock.now)
    }
  }
  const tokensOf = (sequence: Sequence, more: number): number[] =>
    [...sequence.tokens.subarray(0, sequence.numTokens), ...Array.from({ length: more }, (_, i) => 7 + i)]
  return { pool, scheduler, steps, add, run, tokensOf, clock, returns }
}

const prompt = Array.from({ length: 18 }, (_, i) => i + 1)
const tool = (waitMs: number) => ({ parksOnStop: () => waitMs })

t.test('a turn after a short tool call goes on in the KV of the one before, to the last token', async t => {
  const { add, run, tokensOf, pool, steps, returns, clock } = setup()
  const first = add(prompt, 5, tool(100))
  run()
  t.equal(first.finishReason, 'stop')
  t.ok(pool.stats().usedBlocks > 0, 'its blocks stay')
  clock.now += 40
  const second = add(tokensOf(first, 3), 4, { resumes: first.id })
  run()
  t.equal(second.cachedTokens, 22, 'all but the stop token, whose KV was never computed')
  t.same(returns, [[first.id, 40]])
  t.same(steps.faults, [])
  t.equal(pool.stats().usedBlocks, 0)
})

t.test('what became of parked KV is counted, each once', async t => {
  const none = { kept: 0, swapped: 0, dropped: 0, evicted: 0, expired: 0, released: 0 }
  const kept = setup()
  const first = kept.add(prompt, 5, tool(100))
  kept.run()
  t.match(kept.scheduler.stats().parkedKv, { deviceSequences: 1, deviceBlocks: 6, hostSequences: 0, hostBlocks: 0, ends: none })
  kept.add(kept.tokensOf(first, 3), 1, { resumes: first.id })
  kept.run()
  t.match(kept.scheduler.stats().parkedKv, { deviceSequences: 0, deviceBlocks: 0, ends: { ...none, kept: 1 } })
  const free = kept.add(prompt, 5, tool(100))
  kept.run()
  kept.scheduler.release(free.id)
  t.match(kept.scheduler.stats().parkedKv.ends, { ...none, kept: 1, released: 1 })

  const swapped = setup({ hostBlocks: 32, swap: { tokenMs: 0.1, hiddenRatio: 0 } })
  const long = swapped.add(prompt, 5, tool(60_000))
  swapped.run()
  t.match(swapped.scheduler.stats().parkedKv, { deviceSequences: 0, hostSequences: 1, hostBlocks: 6, ends: none })
  swapped.add(swapped.tokensOf(long, 3), 1, { resumes: long.id })
  swapped.run()
  t.match(swapped.scheduler.stats().parkedKv, { hostSequences: 0, ends: { ...none, swapped: 1 } })

  const dropped = setup()
  dropped.add(prompt, 5, tool(600_000))
  dropped.run()
  t.match(dropped.scheduler.stats().parkedKv.ends, { ...none, dropped: 1 })
})

t.test('a return is known by its prompt, and else by its session', async t => {
  const byPrompt = setup()
  const first = byPrompt.add(prompt, 6, { ...tool(100), prefixRoot: root, prefixKeys: prefixKeys(root, Int32Array.from(prompt), blockTokens) })
  byPrompt.run()
  const again = Int32Array.from(byPrompt.tokensOf(first, 3))
  byPrompt.add(again, 2, { prefixRoot: root, prefixKeys: prefixKeys(root, again, blockTokens) })
  t.equal(byPrompt.returns.length, 1)
  const bySession = setup()
  const turn = bySession.add(prompt, 6, { ...tool(100), sessionId: 'one' })
  bySession.run()
  bySession.add(bySession.tokensOf(turn, 3), 2, { sessionId: 'other' })
  t.equal(bySession.returns.length, 0)
  bySession.add([91, 92, 93, 94, 95], 2, { sessionId: 'one' })
  t.equal(bySession.returns.length, 0, 'the name alone takes nothing')
  bySession.add(bySession.tokensOf(turn, 3), 2, { sessionId: 'one' })
  t.equal(bySession.returns.length, 1)
})

t.test('a return whose prompt has changed keeps what is still the same', async t => {
  const { add, run, steps } = setup()
  const first = add(prompt, 5, tool(100))
  run()
  const second = add([...prompt.slice(0, 11), 90, 91, 92], 2, { resumes: first.id })
  run()
  t.equal(second.cachedTokens, 11)
  t.same(steps.faults, [])
})

t.test('a return that wants its prompt\'s log-probabilities computes all of it', async t => {
  const { add, run, tokensOf, pool } = setup()
  const first = add(prompt, 5, tool(100))
  run()
  const second = add(tokensOf(first, 3), 1, { resumes: first.id, promptLogprobs: true })
  run()
  t.equal(second.cachedTokens, 0)
  t.equal(pool.stats().usedBlocks, 0)
})

t.test('a long wait is swapped out where there is a host tier, and its KV comes back', async t => {
  const { add, run, tokensOf, pool, steps, clock } = setup({ hostBlocks: 32, swap: { tokenMs: 0.1, hiddenRatio: 0 } })
  const first = add(prompt, 5, tool(60_000))
  run()
  t.equal(pool.stats().usedBlocks, 0, 'the device has its blocks back')
  t.ok(pool.stats().hostFreeBlocks < 32)
  clock.now += 30_000
  const second = add(tokensOf(first, 3), 4, { resumes: first.id })
  run()
  t.equal(second.cachedTokens, 22)
  t.equal(pool.stats().hostFreeBlocks, 32)
  t.same(steps.faults, [])
})

t.test('a long wait without a host tier is given up', async t => {
  const { add, run, pool, scheduler } = setup()
  add(prompt, 5, tool(600_000))
  run()
  t.equal(pool.stats().usedBlocks, 0)
  t.equal(scheduler.stats().parked, 0)
})

t.test('a tool that never returns pins nothing: what is kept and what is swapped ends', async t => {
  for (const hostBlocks of [0, 64]) {
    const { add, run, pool, scheduler, clock } = setup({ hostBlocks, maxParkedMs: 5000 })
    add(prompt, 5, tool(50))
    run()
    t.equal(scheduler.stats().parked, 1)
    for (let i = 0; i < 100 && scheduler.stats().parked > 0; i++) {
      clock.now += 100
      scheduler.plan(clock.now)
    }
    t.equal(scheduler.stats().parked, 0, `after ${clock.now} ms`)
    t.equal(pool.stats().usedBlocks, 0)
    t.equal(pool.stats().hostFreeBlocks, hostBlocks)
  }
})

t.test('parked KV gives way before a running sequence does', async t => {
  const { add, run, scheduler, pool } = setup({ blocks: 12 })
  add(prompt, 5, tool(100))
  run()
  t.equal(scheduler.stats().parked, 1)
  const other = add([51, 52, 53, 54], 36)
  const another = add([61, 62, 63, 64], 2)
  run()
  t.equal(scheduler.stats().parked, 0)
  t.equal(scheduler.stats().preemptions, 0)
  t.same([other.finishReason, another.finishReason], ['stop', 'stop'])
  t.equal(pool.stats().usedBlocks, 0)
})

t.test('what was parked and is not needed is released by name', async t => {
  const { add, run, scheduler, pool } = setup()
  const first = add(prompt, 5, tool(100))
  run()
  t.ok(scheduler.expectReturn(first.id, () => 50, 100))
  t.ok(scheduler.release(first.id))
  t.notOk(scheduler.release(first.id))
  t.notOk(scheduler.expectReturn(first.id, () => 200, 100))
  t.equal(pool.stats().usedBlocks, 0)
})

t.test('a return that is aborted before it was admitted frees what waited for it', async t => {
  const { add, run, tokensOf, scheduler, pool } = setup()
  const first = add(prompt, 5, tool(100))
  run()
  const second = add(tokensOf(first, 3), 4, { resumes: first.id })
  scheduler.abort(second.id, 1)
  t.equal(pool.stats().usedBlocks, 0)
  t.equal(scheduler.stats().parked, 0)
})

t.test('a return after its KV was given up is still known, and its wait learnt', async t => {
  const { add, run, tokensOf, pool, scheduler, returns, clock } = setup()
  const first = add(prompt, 5, { ...tool(0), sessionId: 'one' })
  run()
  scheduler.expectReturn(first.id, () => 600_000, clock.now, 'search')
  t.equal(pool.stats().usedBlocks, 0, 'a long wait is not worth its blocks')
  clock.now += 500_000
  const stranger = add([91, 92, 93, 94, 95], 2, { sessionId: 'one' })
  t.notOk(stranger.isResumed)
  const second = add(tokensOf(first, 3), 2, { sessionId: 'one' })
  t.ok(second.isResumed)
  t.equal(returns.length, 1)
  t.ok(returns[0]![1] >= 500_000)
  const third = add(tokensOf(first, 4), 2, { sessionId: 'one' })
  t.notOk(third.isResumed, 'a wait ends once')
})

t.test('who comes back from a tool is resumed for the policies, who takes up a session is not', async t => {
  const called = setup()
  const first = called.add(prompt, 5, { ...tool(100), sessionId: 'one' })
  called.run()
  called.scheduler.expectReturn(first.id, () => 100, called.clock.now, 'search')
  t.ok(called.add(called.tokensOf(first, 3), 2, { sessionId: 'one' }).isResumed)
  const plain = setup()
  const turn = plain.add(prompt, 5, { ...tool(100), sessionId: 'one' })
  plain.run()
  t.notOk(plain.add(plain.tokensOf(turn, 3), 2, { sessionId: 'one' }).isResumed)
})
