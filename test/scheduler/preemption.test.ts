import t from 'tap'
import { priority } from '../../src/scheduler/policies/priority.js'
import { idsOf, setup } from '../support/scheduler-rig.js'

t.test('a decode that finds no free block preempts the youngest sequence', async t => {
  // Three prompts of two blocks and three spare blocks: all in use after the first decodes.
  const { add, plan, commit, scheduler, pool } = setup({ blocks: 9 })
  const [oldest, middle, youngest] = [add(8), add(8), add(8)]
  while (youngest.preemptions === 0) commit(plan()!)
  t.equal(middle.preemptions, 0)
  t.equal(youngest.state, 'waiting')
  t.equal(scheduler.stats().preemptions, 1)
  t.equal(pool.stats().freeBlocks, 9 - pool.blocksOf(oldest.slot as never) - pool.blocksOf(middle.slot as never))
})

t.test('a preempted sequence keeps its tokens and its slot, and ends with the output of an undisturbed one', async t => {
  const { add, plan, commit, finishAll, steps } = setup({ blocks: 9 })
  add(8, { maxTokens: 16 })
  add(8, { maxTokens: 16 })
  const youngest = add(8, { maxTokens: 16 })
  while (youngest.preemptions === 0) commit(plan()!)
  const { slot, generatedTokens } = youngest
  t.not(slot, undefined)
  t.ok(generatedTokens > 0)
  finishAll()
  t.equal(youngest.generatedTokens, 16)
  t.same(steps.faults, [])
})

t.test('a sequence preempted with a row in flight is admitted again only when that row is committed', async t => {
  const { add, plan, commit, scheduler } = setup({ blocks: 9 })
  const older = [add(8, { maxTokens: 16 }), add(8, { maxTokens: 16 })]
  const youngest = add(8, { maxTokens: 16 })
  let inFlight = plan()!
  for (;;) {
    const next = plan()!
    if (youngest.preemptions > 0) break
    commit(inFlight)
    inFlight = next
  }
  t.equal(youngest.pendingRows, 1)
  const known = youngest.numTokens
  for (const sequence of older) scheduler.abort(sequence.id, 1)
  commit(inFlight)
  t.equal(youngest.numTokens, known + 1, 'the token of the step in flight counts')
  const again = plan()!
  t.same(again.sequences, [youngest])
  t.equal(again.queryStarts[1], known + 1, 'all of it is computed again')
})

t.test('a sequence of a higher priority takes the slot of a lower one, which goes on when it ends', async t => {
  const { add, plan, commit, finishAll, steps } = setup({ policy: priority, maxNumSeqs: 2 })
  const [low, lower] = [add(4, { priority: 1 }), add(4, { priority: 2 })]
  commit(plan()!)
  const urgent = add(4, { priority: 0 })
  const next = plan()!
  t.same(idsOf(next), [low.id, urgent.id])
  t.equal(lower.state, 'waiting')
  commit(next)
  finishAll()
  t.ok(urgent.clock.stoppedMs! < lower.clock.stoppedMs!)
  t.same(steps.faults, [])
})

t.test('equal priorities do not take each other\'s slots', async t => {
  const { add, plan, commit, scheduler } = setup({ policy: priority, maxNumSeqs: 1 })
  const first = add(4)
  commit(plan()!)
  add(4)
  t.same(idsOf(plan()), [first.id])
  t.equal(scheduler.stats().preemptions, 0)
})

t.test('a sequence that was preempted makes progress before it is preempted again', async t => {
  const { add, plan, commit } = setup({ policy: priority, maxNumSeqs: 1, blocks: 128 })
  const low = add(4, { priority: 9, maxTokens: 120 })
  const progress: number[] = []
  let preemptions = 0
  for (let i = 0; i < 200; i++) {
    // An urgent one every other step would starve it.
    if (i % 2 === 0) add(4, { priority: 0, maxTokens: 1 })
    const next = plan()
    if (next !== undefined) commit(next)
    if (low.preemptions > preemptions) {
      preemptions = low.preemptions
      progress.push(low.generatedTokens)
    }
  }
  t.ok(progress.length > 3, 'it gives way again and again')
  t.ok(progress.every((tokens, i) => i === 0 || tokens - progress[i - 1]! >= 16), `with progress between: ${progress.join(' ')}`)
})

t.test('where the host tier has room, a preempted sequence keeps what it has computed', async t => {
  const swapping = setup({ blocks: 6, hostBlocks: 8, maxNumSeqs: 2 })
  const [oldest, youngest] = [swapping.add(8, { maxTokens: 14 }), swapping.add(8, { maxTokens: 14 })]
  swapping.finishAll()
  t.ok(swapping.scheduler.stats().swaps > 0)
  t.equal(youngest.generatedTokens, 14)
  t.equal(oldest.preemptions, 0)
  t.same(swapping.steps.faults, [])
  t.equal(swapping.pool.stats().hostFreeBlocks, 8)
})
