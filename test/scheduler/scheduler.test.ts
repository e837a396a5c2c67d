import t from 'tap'
import { RowOutput } from '../../src/core/step.js'
import { RowOutcome } from '../../src/scheduler/plan.js'
import { Sequence } from '../../src/scheduler/sequence.js'
import { prefixKeys, prefixRoot } from '../support/pool.js'
import { blockTokens, countsOf, idsOf, setup } from '../support/scheduler-rig.js'

t.test('a prompt longer than the budget is computed in chunks, and only the last one samples', async t => {
  const { add, plan, commit } = setup({ maxBatchTokens: 10 })
  add(25)
  const seen: unknown[] = []
  for (let i = 0; i < 3; i++) {
    const next = plan()!
    seen.push([next.positions[0], countsOf(next)[0], next.outputs[0]])
    commit(next)
  }
  t.same(seen, [[0, 10, 0], [10, 10, 0], [20, 5, RowOutput.sample]])
})

t.test('decodes come before prompts, and prompts before admissions', async t => {
  const { add, plan, commit } = setup({ maxBatchTokens: 10 })
  const decoding = add(4)
  commit(plan()!)
  const long = add(15)
  commit(plan()!)
  const late = add(4)
  const mixed = plan()!
  t.same(idsOf(mixed), [decoding.id, long.id, late.id])
  t.same(countsOf(mixed), [1, 6, 3])
})

t.test('the row after an uncommitted sample carries a placeholder, and a committed one the token', async t => {
  const { add, plan, commit } = setup()
  add(4)
  const first = plan()!
  const second = plan()!
  t.equal(second.tokenIds[0], -1)
  t.equal(second.positions[0], 4)
  commit(first)
  commit(second)
  t.equal(plan()!.tokenIds[0], 1000 + 100 + 5)
})

t.test('no more plans are made than may be outstanding', async t => {
  const { add, plan, commit } = setup()
  add(4)
  const first = plan()!
  plan()
  t.equal(plan(), undefined)
  commit(first)
  t.ok(plan())
})

t.test('plans are committed in the order they were made', async t => {
  const { add, plan, commit, scheduler } = setup()
  add(4)
  plan()
  const second = plan()!
  t.throws(() => { commit(second) }, /not the oldest/)
  t.throws(() => { scheduler.fail(second.id, 1) }, /not the oldest/)
})

t.test('a sequence that ends by length with an outstanding plan gets no further row', async t => {
  const { add, plan, commit } = setup()
  const sequence = add(4, { maxTokens: 2 })
  const first = plan()!
  const second = plan()!
  commit(first)
  t.equal(plan(), undefined)
  commit(second)
  t.equal(sequence.finishReason, 'length')
  t.equal(sequence.generatedTokens, 2)
})

t.test('the row behind an end-of-sequence token is dropped', async t => {
  const { add, plan, commit, pool } = setup()
  const sequence = add(4, { stopAfter: 1 })
  const first = plan()!
  const second = plan()!
  commit(first)
  t.equal(sequence.finishReason, 'stop')
  t.equal(pool.stats().usedBlocks, 0, 'its blocks are free before the second step has run')
  t.equal(commit(second).outcomes[0], RowOutcome.dropped)
  t.equal(sequence.generatedTokens, 1)
})

t.test('a prompt is admitted only if every running sequence keeps a spare block', async t => {
  const { add, plan, commit } = setup({ blocks: 7 })
  const first = add(8)
  commit(plan()!)
  const second = add(12)
  commit(plan()!)
  t.equal(first.state, 'running')
  t.equal(second.state, 'waiting', 'three blocks and one for its first decode would fit, with nothing to spare')
})

t.test('a head that does not fit is not overtaken by a later sequence that would', async t => {
  const { add, plan, commit } = setup({ blocks: 8 })
  add(16)
  commit(plan()!)
  const large = add(20)
  const small = add(1)
  commit(plan()!)
  t.equal(large.state, 'waiting')
  t.equal(small.state, 'waiting')
})

t.test('a sequence alone may use the whole pool', async t => {
  const { add, finishAll, pool } = setup({ blocks: 4 })
  const sequence = add(10, { maxTokens: 100 })
  t.equal(sequence.maxTokens, 7, 'the last token needs no block')
  finishAll()
  t.equal(sequence.finishReason, 'length')
  t.equal(sequence.numTokens, 17)
  t.equal(pool.stats().usedBlocks, 0)
})

t.test('a prompt longer than the context or the pool is refused with the numbers', async t => {
  const small = setup({ maxSequenceTokens: 20 })
  t.throws(() => small.add(20), { code: 'ERR_PROMPT_TOO_LONG', message: /20 tokens.*at most 19.*--max-model-len/ })
  t.equal(small.add(19).maxTokens, 1)
  const tight = setup({ blocks: 2 })
  t.throws(() => tight.add(9), { code: 'ERR_PROMPT_TOO_LONG', message: /9 tokens.*at most 8.*--kv-cache-memory/ })
})

t.test('an abort frees blocks at once, in the queue, in mid-prefill and while decoding', async t => {
  const { add, plan, commit, scheduler, pool } = setup({ maxBatchTokens: 8 })
  const decoding = add(4)
  commit(plan()!)
  const prefilling = add(20)
  const inFlight = plan()!
  const queued = add(4)
  t.ok(pool.stats().usedBlocks > 0)
  for (const sequence of [decoding, prefilling, queued]) t.equal(scheduler.abort(sequence.id, 1), true)
  t.equal(pool.stats().usedBlocks, 0)
  t.same([...commit(inFlight).outcomes.subarray(0, 2)], [RowOutcome.dropped, RowOutcome.dropped])
  t.equal(scheduler.abort(decoding.id, 1), false, 'once')
  t.equal(plan(), undefined)
})

t.test('a step that fails ends the sequences that had a row in it, and no others', async t => {
  const { add, plan, scheduler, finishAll } = setup()
  const failed = add(4)
  const doomed = plan()!
  const other = add(4)
  const next = plan()!
  t.same([...scheduler.fail(doomed.id, 1).outcomes.subarray(0, 1)], [RowOutcome.failed])
  t.equal(failed.finishReason, 'error')
  t.equal(next.sequences[1], other)
  scheduler.commit(next.id, { tokenStarts: Int32Array.of(0, 0, 1), tokens: Int32Array.of(1205), statuses: Int32Array.of(3, 0) }, 2)
  t.equal(other.generatedTokens, 1)
  finishAll()
  t.equal(other.finishReason, 'length')
})

t.test('a row with bad logits ends its own sequence', async t => {
  const { add, plan, scheduler } = setup()
  const bad = add(4)
  const good = add(4)
  const next = plan()!
  scheduler.commit(next.id, { tokenStarts: Int32Array.of(0, 0, 1), tokens: Int32Array.of(1205), statuses: Int32Array.of(-1, 0) }, 1)
  t.equal(bad.finishReason, 'error')
  t.equal(good.state, 'running')
})

t.test('full blocks of committed tokens enter the prefix index, and a second prompt starts behind them', async t => {
  const { add, plan, commit } = setup()
  const root = prefixRoot(['test'])
  const promptIds = Int32Array.from({ length: 14 }, (_, i) => i)
  const keyed = { promptIds, prefixRoot: root, prefixKeys: prefixKeys(root, promptIds, blockTokens) }
  const first = add(14, keyed)
  const outstanding = plan()!
  const early = add(14, keyed)
  const other = plan()!
  t.equal(early.cachedTokens, 0, 'nothing is shared before the first commit')
  commit(outstanding)
  commit(other)
  const second = add(14, keyed)
  const next = plan()!
  t.equal(first.cachedTokens, 0)
  t.equal(second.cachedTokens, 12)
  t.equal(next.positions[next.sequences.indexOf(second)], 12)
  const salted = prefixRoot(['other'])
  const tenant = add(14, { promptIds, prefixRoot: salted, prefixKeys: prefixKeys(salted, promptIds, blockTokens) })
  plan()
  t.equal(tenant.cachedTokens, 0, 'another tenant')
})

t.test('tokens that were computed after an abort do not enter the prefix index', async t => {
  const { add, plan, commit, scheduler, pool } = setup()
  const root = prefixRoot(['test'])
  const promptIds = Int32Array.of(1, 2, 3)
  const sequence = add(3, { promptIds, prefixRoot: root, prefixKeys: new Uint8Array(0) })
  commit(plan()!)
  const surplus = plan()! // computes the fourth token, which would fill a block
  scheduler.abort(sequence.id, 1)
  commit(surplus)
  t.equal(pool.stats().cachedBlocks, 0)
})

t.test('a sequence that wants prompt log-probabilities computes its whole prompt, with the tokens that follow', async t => {
  const { add, plan, commit } = setup({ maxBatchTokens: 8 })
  const root = prefixRoot(['test'])
  const promptIds = Int32Array.from({ length: 12 }, (_, i) => i + 1)
  const keyed = { promptIds, prefixRoot: root, prefixKeys: prefixKeys(root, promptIds, blockTokens), maxTokens: 1 }
  add(12, keyed)
  commit(plan()!)
  commit(plan()!)
  const scored = add(12, { ...keyed, promptLogprobs: true, maxTokens: 0 })
  const first = plan()!
  t.equal(first.positions[0], 0)
  t.equal(first.outputs[0], RowOutput.promptLogprobs)
  t.equal(first.nextTokenIds[0], 9, 'the token behind the chunk')
  commit(first)
  const second = plan()!
  t.equal(second.nextTokenIds[0], -1)
  commit(second)
  t.equal(scored.finishReason, 'length', 'maxTokens 0 ends with the prompt')
  t.equal(scored.generatedTokens, 0)
})

t.test('forks share the prompt and compute its last token only', async t => {
  const { add, plan, commit, finishAll, steps, pool } = setup()
  const promptIds = Int32Array.from({ length: 9 }, (_, i) => i + 1)
  const parent = add(9, { promptIds })
  const forks = [add(9, { promptIds, forkOf: parent }), add(9, { promptIds, forkOf: parent })]
  const prefill = plan()!
  t.same(idsOf(prefill), [parent.id], 'the prompt is computed once')
  const next = plan()!
  t.same(idsOf(next), [parent.id, ...forks.map(fork => fork.id)])
  t.same([...next.tokenIds.subarray(0, 3)], [-1, 9, 9])
  t.same([...next.positions.subarray(0, 3)], [9, 8, 8])
  // Two shared full blocks, and one of its own for each.
  t.equal(pool.stats().usedBlocks, 2 + 3)
  commit(prefill)
  commit(next)
  finishAll()
  t.same([parent, ...forks].map(sequence => sequence.generatedTokens), [8, 8, 8])
  t.same(steps.faults, [])
  t.equal(pool.stats().usedBlocks, 0)
})

t.test('forks of a parent that was aborted before its prompt was computed run on their own', async t => {
  const { add, plan, commit, finishAll, scheduler, steps } = setup({ maxBatchTokens: 8 })
  const parent = add(20)
  const fork = add(20, { forkOf: parent })
  commit(plan()!)
  t.equal(fork.state, 'forking')
  scheduler.abort(parent.id, 1)
  t.equal(fork.state, 'waiting')
  finishAll()
  t.equal(fork.generatedTokens, 8)
  t.same(steps.faults, [])
})

t.test('a fork can be aborted before, and its parent after, without harm to the rest', async t => {
  const { add, plan, commit, finishAll, scheduler, pool } = setup()
  const parent = add(9)
  const fork = add(9, { forkOf: parent })
  const other = add(9, { forkOf: parent })
  scheduler.abort(fork.id, 1)
  commit(plan()!)
  commit(plan()!)
  scheduler.abort(parent.id, 1)
  finishAll()
  t.equal(other.generatedTokens, 8)
  t.equal(pool.stats().usedBlocks, 0)
})

t.test('sequences that a small budget leaves out of a step go on in a later one', async t => {
  let planned = 0
  const budget = () => ++planned % 3 === 0 ? 1 : 32
  const { add, plan, commit, finishAll, steps } = setup({ budget })
  const first = add(4)
  const second = add(4)
  commit(plan()!)
  commit(plan()!)
  const outstanding = [plan()!, plan()!]
  t.same(outstanding.map(idsOf), [[first.id], [first.id, second.id]], 'the third plan has one token')
  for (const next of outstanding) commit(next)
  finishAll()
  t.same([first.generatedTokens, second.generatedTokens], [8, 8])
  t.same(steps.faults, [])
})

t.test('time is divided between queue, prefill, decode and preempted, and sums to the whole', async t => {
  const { add, finishAll, now } = setup({ blocks: 9 })
  const youngest = [add(8, { maxTokens: 16 }), add(8, { maxTokens: 16 }), add(8, { maxTokens: 16 })][2]!
  finishAll()
  const { queue, prefill, decode, preempted } = youngest.clock.spentMs
  for (const part of [queue, prefill, decode, preempted]) t.ok(part > 0)
  t.equal(queue + prefill + decode + preempted, youngest.clock.stoppedMs! - youngest.arrivalMs)
  t.ok(youngest.clock.stoppedMs! <= now())
})

t.test('an admission leaves free the share of the expected growth that is asked for', async t => {
  for (const [reserveRatio, admitted] of [[0, 2], [1, 1]] as const) {
    const { add, plan, commit, scheduler } = setup({ reserveRatio, blocks: 10 })
    add(4, { maxTokens: 30, predictedTokens: 28 })
    commit(plan()!)
    add(8, { maxTokens: 4, predictedTokens: 4 })
    plan()
    t.equal(scheduler.stats().running, admitted)
  }
})

t.test('a forecast is near what then happens, and says when a queue is long', async t => {
  const costs = { fixedMs: 20, prefillTokenMs: 1, decodeMs: 1, contextTokenMs: 0, prefillContextTokenMs: 0 }
  const { add, scheduler } = setup({ stepCosts: () => costs, maxNumSeqs: 2, blocks: 128 })
  const probe = () => new Sequence({ id: 1000, arrivalMs: 0, promptIds: new Int32Array(10), maxTokens: 10, predictedTokens: 10 })
  const idle = scheduler.forecast(probe(), 0)
  t.same([idle.waitMs, idle.ttftMs], [0, 10 + 21])
  for (let i = 0; i < 20; i++) add(10, { maxTokens: 10, predictedTokens: 10 })
  const busy = scheduler.forecast(probe(), 0)
  // 19 of the 20 must end in two slots: about ten rounds of ten steps of 22 ms, and 190 prompt tokens.
  t.ok(busy.waitMs > 0.8 * 2300 && busy.waitMs < 1.2 * 2300, `${busy.waitMs} ms`)
  t.equal(scheduler.forecastLast(0).waitMs, busy.waitMs, 'whoever comes now is the last')
})

t.test('the backlog is what waits, and the rows that are free for it', t => {
  const { add, plan, commit, finishAll, scheduler } = setup({ maxNumSeqs: 2 })
  t.same(scheduler.backlog(), { sequences: 0, promptTokens: 0, freeRows: 2 })
  const first = add(10)
  for (let i = 0; i < 2; i++) add(10, { forkOf: first })
  add(7)
  t.same(scheduler.backlog(), { sequences: 4, promptTokens: 17, freeRows: 2 }, 'forks count, their prompt does not')
  commit(plan()!)
  t.equal(scheduler.backlog().freeRows, 0)
  finishAll()
  t.same(scheduler.backlog(), { sequences: 0, promptTokens: 0, freeRows: 2 })
  t.end()
})
