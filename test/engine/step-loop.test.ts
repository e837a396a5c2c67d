import t from 'tap'
import { StepLoop, type StepLoopOptions } from '../../src/engine/step-loop.js'
import type { NativeModel } from '../../src/native/binding.js'
import { Plan } from '../../src/scheduler/plan.js'
import type { Scheduler } from '../../src/scheduler/scheduler.js'
import type { EngineSequence } from '../../src/engine/engine-sequence.js'

/** A loop of one step, whose parts do what the test says. */
function oneStep (changes: Partial<StepLoopOptions>, commit: () => void) {
  const dones: Array<(error?: Error) => void> = []
  const plans = [new Plan<EngineSequence>(1, 1)]
  const broken: unknown[] = []
  const loop = new StepLoop({
    model: {
      maxRows: 1,
      maxTokens: 1,
      maxLogprobs: 0,
      step: (_rows, _input, _output, done) => { dones.push(done) }
    } as Partial<NativeModel> as NativeModel,
    scheduler: { plan: () => plans.pop(), commit, fail: () => {} } as unknown as Scheduler<EngineSequence>,
    now: () => 0,
    beforeStep: () => {},
    afterCommit: () => {},
    onCommit: () => false,
    onFailure: () => {},
    onBroken: error => { broken.push(error) },
    ...changes
  })
  return { loop, dones, broken }
}

t.test('a loop is settled when its last step is done, and one that does nothing is at once', async t => {
  const { loop, dones } = oneStep({}, () => {})
  await loop.settled()
  loop.wake()
  await Promise.resolve()
  let isSettled = false
  const settled = loop.settled().then(() => { isSettled = true })
  await new Promise(setImmediate)
  t.notOk(isSettled)
  dones[0]!()
  await settled
  t.equal(loop.counters.steps, 1)
})

t.test('a defect in evaluating the last step is reported, and who waits for the loop goes on', async t => {
  const { loop, dones, broken } = oneStep({}, () => { throw new Error('a defect') })
  loop.wake()
  await Promise.resolve()
  const settled = loop.settled()
  dones[0]!()
  await settled
  t.match(broken, [{ message: 'a defect' }])
})

t.test('a failed step is told with its error, and counts for nothing', async t => {
  const failures: unknown[] = []
  const { loop, dones, broken } = oneStep({ onFailure: (_plan, error) => { failures.push(error) } }, () => {})
  loop.wake()
  await Promise.resolve()
  dones[0]!(new Error('the device is gone'))
  await loop.settled()
  t.match(failures, [{ message: 'the device is gone' }])
  t.equal(loop.counters.steps, 0)
  t.same(broken, [])
})

t.test('while a step is handed out the next two are not evaluated, and no other is queued', async t => {
  const dones: Array<(error?: Error) => void> = []
  const outputs: ArrayBuffer[] = []
  const committed: number[] = []
  const noticed: number[] = []
  const plans = Array.from({ length: 4 }, (_, id) => Object.assign(new Plan<EngineSequence>(1, 1), { id }))
  let outstanding = 0
  const loop = new StepLoop({
    model: {
      maxRows: 1,
      maxTokens: 1,
      maxLogprobs: 0,
      step: (_rows, _input, output, done) => {
        outputs.push(output)
        dones.push(done)
      }
    } as Partial<NativeModel> as NativeModel,
    scheduler: {
      plan: () => outstanding === 2 || plans.length === 0 ? undefined : (outstanding++, plans.shift()),
      commit: (id: number) => {
        outstanding--
        committed.push(id)
      }
    } as unknown as Scheduler<EngineSequence>,
    now: () => 0,
    beforeStep: () => {},
    onDone: plan => { noticed.push(plan.id) },
    afterCommit: () => {},
    onCommit: plan => plan.id === 0,
    onFailure: () => {},
    onBroken: error => { throw error }
  })
  loop.wake()
  await Promise.resolve()
  t.equal(dones.length, 2)
  dones[0]!()
  t.equal(dones.length, 3, 'one more is queued, before the first is handed out')
  dones[1]!()
  dones[2]!()
  t.same(noticed, [0, 1, 2], 'that they are done is noticed at once')
  t.same(committed, [0])
  t.equal(dones.length, 3)
  t.equal(new Set(outputs).size, 3, 'none writes to what is being handed out')
  let isSettled = false
  const settled = loop.settled().then(() => { isSettled = true })
  await new Promise(setImmediate)
  t.notOk(isSettled)
  loop.handedOut()
  t.same(committed, [0, 1, 2])
  t.equal(dones.length, 4)
  dones[3]!()
  await settled
})

t.test('a step that fails behind one that is handed out fails after it', async t => {
  const dones: Array<(error?: Error) => void> = []
  const events: string[] = []
  const plans = Array.from({ length: 2 }, (_, id) => Object.assign(new Plan<EngineSequence>(1, 1), { id }))
  const loop = new StepLoop({
    model: { maxRows: 1, maxTokens: 1, maxLogprobs: 0, step: (_rows, _input, _output, done) => { dones.push(done) } } as Partial<NativeModel> as NativeModel,
    scheduler: { plan: () => plans.shift(), commit: () => {}, fail: () => {} } as unknown as Scheduler<EngineSequence>,
    now: () => 0,
    beforeStep: () => {},
    afterCommit: () => {},
    onCommit: () => true,
    onFailure: (plan, error) => { events.push(`${plan.id}: ${(error as Error).message}`) },
    onBroken: error => { throw error }
  })
  loop.wake()
  await Promise.resolve()
  dones[0]!()
  dones[1]!(new Error('the device is gone'))
  t.same(events, [])
  loop.handedOut()
  t.same(events, ['1: the device is gone'])
  await loop.settled()
})
