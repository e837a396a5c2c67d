import t from 'tap'
import { network } from '../../../src/scheduler/policies/network.js'
import { compareRanks } from '../../../src/scheduler/policy.js'
import { policyView } from '../../support/policy-view.js'
import { Random, testSeed } from '../../support/random.js'
import { orderOf, randomSequence, waitingSequence } from '../../support/sequences.js'

const view = policyView()

t.test('equal hundredths of health are equal: then arrival decides, and no three requests stand in a circle', async t => {
  const [a, b, c] = [
    waitingSequence(1, { linkHealth: 0.5, arrivalMs: 1000 }),
    waitingSequence(2, { linkHealth: 0.508, arrivalMs: 2000 }),
    waitingSequence(3, { linkHealth: 0.516, arrivalMs: 3000 })
  ]
  t.same(orderOf(network({ agingMs: 0 }), [a, b, c], view), [3, 1, 2], 'by a tolerance of 0.01 this would be a circle')
})

t.test('health is worth a head start of at most agingMs, and with agingMs 0 any', async t => {
  const requests = [
    waitingSequence(1, { linkHealth: 0.02, arrivalMs: 0 }),
    waitingSequence(2, { linkHealth: 0.95, arrivalMs: 5000 }),
    waitingSequence(3, { linkHealth: 0.95, arrivalMs: 25_000 })
  ]
  t.same(orderOf(network({ agingMs: 20_000 }), requests, view), [2, 1, 3])
  t.same(orderOf(network({ agingMs: 0 }), requests, view), [2, 3, 1])
})

t.test('a request is overtaken only by such as arrive less than agingMs after it', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  for (let round = 0; round < 5000; round++) {
    const agingMs = random.integer(1, 30_000)
    const policy = network({ agingMs })
    const [early, late] = [0, random.integer(0, 40_000)].map((arrivalMs, i) =>
      randomSequence(random, i + 1, { arrivalMs, priority: 0, linkHealth: random.pick([0, 1, random.next()]) }))
    policy.rank(early!, view)
    policy.rank(late!, view)
    if (compareRanks(late!, early!) < 0 && late!.arrivalMs >= agingMs) t.fail(`${late!.arrivalMs} overtook by ${agingMs}`)
  }
})

t.test('a lower priority number goes before any health and any age, and alone may preempt', async t => {
  const important = waitingSequence(1, { linkHealth: 0, priority: -1, arrivalMs: 60_000 })
  const usual = waitingSequence(2, { linkHealth: 1, priority: 0 })
  for (const agingMs of [0, 20_000]) {
    const policy = network({ agingMs })
    t.same(orderOf(policy, [usual, important], view), [1, 2])
    t.equal(policy.mayPreempt?.(important, usual, view), true)
    t.equal(policy.mayPreempt?.(waitingSequence(3, { linkHealth: 1 }), waitingSequence(4, { linkHealth: 0 }), view), false)
  }
})
