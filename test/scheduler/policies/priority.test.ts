import t from 'tap'
import { priority } from '../../../src/scheduler/policies/priority.js'
import { sjf } from '../../../src/scheduler/policies/sjf.js'
import { Scheduler } from '../../../src/scheduler/scheduler.js'
import { Sequence } from '../../../src/scheduler/sequence.js'
import { policyView } from '../../support/policy-view.js'
import { createPool } from '../../support/pool.js'
import { Random, testSeed } from '../../support/random.js'
import { ScriptedSteps } from '../../support/scripted-steps.js'
import { orderOf, waitingSequence } from '../../support/sequences.js'

t.test('priority: lower numbers first, then arrival', async t => {
  const requests = [waitingSequence(1, { priority: 1 }), waitingSequence(2, { arrivalMs: 9 }), waitingSequence(3, { arrivalMs: 5 }), waitingSequence(4, { priority: -5, arrivalMs: 100 })]
  t.same(orderOf(priority, requests, policyView()), [4, 3, 2, 1])
})

t.test('sjf: the shortest predicted rest first, so what was preempted near its end is ahead', async t => {
  const preempted = waitingSequence(1, { predictedTokens: 30 })
  for (let i = 0; i < 25; i++) preempted.append(0)
  t.same(orderOf(sjf, [waitingSequence(2, { predictedTokens: 10 }), preempted, waitingSequence(3, { predictedTokens: 500, maxTokens: 3 })], policyView()), [3, 1, 2],
    'maxTokens bounds what is predicted')
})

/** Tokens that a sequence computes before it can be preempted again (running-list.ts), and the step that is under way. */
const longestTurn = 16 + 2

t.test('priority: nobody waits behind a lower priority that holds its slot for longer than the progress it is granted', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  let waits = 0
  for (let run = 0; run < 10; run++) {
    const scheduler = new Scheduler<Sequence>({
      pool: createPool(4096, 4), maxNumSeqs: random.integer(1, 4), maxBatchTokens: 64, maxSequenceTokens: 256, maxOutstanding: 1, policy: priority
    })
    const steps = new ScriptedSteps()
    const waitedPlans = new Map<Sequence, number>()
    for (let turn = 1, id = 0; turn < 400; turn++) {
      if (random.chance(0.15)) {
        const promptIds = new Int32Array(random.integer(1, 12)).fill(1)
        const maxTokens = random.integer(1, 60)
        const sequence = new Sequence({ id: ++id, arrivalMs: turn, promptIds, maxTokens, priority: random.integer(0, 3) })
        scheduler.add(sequence)
        steps.script(sequence, { tokens: new Int32Array(promptIds.length + maxTokens).fill(1), stops: false })
      }
      const plan = scheduler.plan(turn)
      const all = [...scheduler.sequences()]
      const worst = Math.max(...all.filter(({ state }) => state === 'running').map(running => running.priority))
      for (const sequence of all) {
        const isInverted = sequence.state === 'waiting' && sequence.priority < worst
        const waited = isInverted ? (waitedPlans.get(sequence) ?? 0) + 1 : 0
        waitedPlans.set(sequence, waited)
        waits += waited > 0 ? 1 : 0
        if (waited > longestTurn) t.fail(`${sequence.id} of priority ${sequence.priority} waits for ${waited} plans beside ${worst}`)
      }
      if (plan !== undefined) scheduler.commit(plan.id, steps.run(plan), turn)
    }
    t.same(steps.faults, [])
  }
  t.ok(waits > 0, 'the grant was used')
})
