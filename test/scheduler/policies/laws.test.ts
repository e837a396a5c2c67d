import t from 'tap'
import { createPolicy, policyNames } from '../../../src/scheduler/policies/index.js'
import { compareRanks } from '../../../src/scheduler/policy.js'
import { WaitingQueue } from '../../../src/scheduler/waiting-queue.js'
import type { Sequence } from '../../../src/scheduler/sequence.js'
import { policyView } from '../../support/policy-view.js'
import { Random, testSeed } from '../../support/random.js'
import { orderOf, randomSequence } from '../../support/sequences.js'

for (const name of policyNames) {
  t.test(`${name}: ranks are finite, hold for a while, and put random triples in one total order`, async t => {
    const seed = testSeed()
    t.comment(`seed ${seed}`)
    const random = new Random(seed)
    const policy = createPolicy(name)
    for (let round = 0; round < 3000; round++) {
      const view = policyView({ nowMs: random.integer(0, 40_000), freeRatio: random.next(), running: random.integer(0, 16) })
      const [a, b, c] = [1, 2, 3].map(id => randomSequence(random, id)) as [Sequence, Sequence, Sequence]
      for (const sequence of [a, b, c]) {
        const untilMs = policy.rank(sequence, view)
        if (!(untilMs > view.nowMs)) t.fail(`holds until ${untilMs} at ${view.nowMs}`)
        if (![sequence.rankClass, sequence.rankKey, sequence.rankTie].every(Number.isFinite)) t.fail(`rank of ${JSON.stringify(sequence.slo)}`)
      }
      const sign = (x: Sequence, y: Sequence) => Math.sign(compareRanks(x, y))
      if (sign(a, a) !== 0) t.fail('a sequence is not before itself')
      if (sign(a, b) !== -sign(b, a) || sign(a, b) === 0) t.fail('of two, one is first')
      if (sign(a, b) < 0 && sign(b, c) < 0 && sign(a, c) >= 0) t.fail('a before b and b before c is a before c')
    }
  })

  t.test(`${name}: no two may preempt each other, and only by a strictly better priority`, async t => {
    const random = new Random(7)
    const policy = createPolicy(name)
    if (policy.mayPreempt === undefined) return
    const view = policyView({ nowMs: 5000 })
    for (let round = 0; round < 500; round++) {
      const [a, b] = [randomSequence(random, 1), randomSequence(random, 2)]
      t.equal(policy.mayPreempt(a, b, view), a.priority < b.priority)
    }
  })
}

// Scores that drift are exact to a bound instead: see augserve.test.ts and adaptive.test.ts.
for (const name of ['fcfs', 'sjf', 'priority', 'network', 'slo-odbs'] as const) {
  t.test(`${name}: at every moment the queue serves whom ranks made from scratch put first`, async t => {
    const seed = testSeed()
    t.comment(`seed ${seed}`)
    const policy = createPolicy(name, name === 'slo-odbs' ? { maxSloMs: 20_000 } : {})
    const view = policyView({ waiting: 100 })
    const queue = new WaitingQueue<Sequence>(policy)
    // Two of each: ranks are kept on the sequence, and those of the queue must not be touched.
    const [queued, fresh] = [new Map<number, Sequence>(), new Map<number, Sequence>()]
    const [random, sameRandom] = [new Random(seed), new Random(seed)]
    const choices = new Random(seed + 1)
    for (let id = 1; id <= 400; id++) {
      view.nowMs += choices.integer(0, 400)
      queued.set(id, randomSequence(random, id, { arrivalMs: view.nowMs }))
      fresh.set(id, randomSequence(sameRandom, id, { arrivalMs: view.nowMs }))
      queue.push(queued.get(id)!, view)
      queue.refresh(view)
      const first = queue.peek(view)!.id
      if (first !== orderOf(policy, [...fresh.values()], view)[0]) t.fail(`another is first at ${view.nowMs} ms`)
      if (choices.chance(0.5)) continue
      queue.remove(queued.get(first)!)
      queued.delete(first)
      fresh.delete(first)
    }
  })
}
