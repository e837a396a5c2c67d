import t from 'tap'
import { fcfs } from '../../src/scheduler/policies/fcfs.js'
import { compareRanks, type Policy, type PolicyView } from '../../src/scheduler/policy.js'
import { Sequence } from '../../src/scheduler/sequence.js'
import { WaitingQueue } from '../../src/scheduler/waiting-queue.js'
import { policyView } from '../support/policy-view.js'
import { Random, testSeed } from '../support/random.js'

function sequenceAt (id: number, arrivalMs: number): Sequence {
  return new Sequence({ id, arrivalMs, promptIds: new Int32Array(1), maxTokens: 1 })
}

t.test('random insertions and removals leave the order of a sorted list', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const view = policyView()
  const queue = new WaitingQueue<Sequence>(fcfs)
  const model: Sequence[] = []
  for (let id = 1; id <= 3000; id++) {
    if (random.chance(0.6) || model.length === 0) {
      const sequence = sequenceAt(id, random.integer(0, 40))
      queue.push(sequence, view)
      model.push(sequence)
    } else {
      const victim = random.chance(0.5) ? queue.peek(view)! : random.pick(model)
      queue.remove(victim)
      model.splice(model.indexOf(victim), 1)
    }
    model.sort(compareRanks)
    if (queue.peek(view) !== model[0]) t.fail(`the first of ${model.length} is wrong`)
  }
  const drained: number[] = []
  for (let first = queue.peek(view); first !== undefined; first = queue.peek(view)) {
    queue.remove(first)
    drained.push(first.id)
  }
  t.same(drained, model.map(sequence => sequence.id))
})

t.test('a sequence that is not inside cannot be removed', async t => {
  const queue = new WaitingQueue<Sequence>(fcfs)
  queue.push(sequenceAt(1, 0), policyView())
  t.throws(() => { queue.remove(sequenceAt(2, 0)) }, /not waiting/)
})

/** Rises from its arrival to class 1 at `changeMs`, its priority's time; before, to class 0. */
const stepped: Policy = {
  name: 'stepped',
  rank (sequence: Sequence, view: PolicyView): number {
    const isLate = view.nowMs >= sequence.priority
    sequence.rankClass = isLate ? 1 : 0
    sequence.rankKey = sequence.arrivalMs
    sequence.rankTie = 0
    return isLate ? Infinity : sequence.priority
  }
}

t.test('a rank that changes with time is renewed when its time is over, and not before', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  let calls = 0
  const counting: Policy = { ...stepped, rank: (sequence, view) => { calls++; return stepped.rank(sequence, view) } }
  const queue = new WaitingQueue<Sequence>(counting)
  const view = policyView()
  const model: Sequence[] = []
  for (let id = 1; id <= 500; id++) {
    const sequence = new Sequence({ id, arrivalMs: random.integer(0, 100), promptIds: new Int32Array(1), maxTokens: 1, priority: random.integer(0, 1000) })
    queue.push(sequence, view)
    model.push(sequence)
  }
  for (view.nowMs = 0; view.nowMs <= 1000; view.nowMs += 50) {
    queue.refresh(view)
    const isLate = (sequence: Sequence) => view.nowMs >= sequence.priority ? 1 : 0
    const wanted = [...model].sort((a, b) => isLate(a) - isLate(b) || a.arrivalMs - b.arrivalMs || a.id - b.id)[0]
    if (queue.peek(view) !== wanted) t.fail(`the first at ${view.nowMs} ms is wrong`)
  }
  t.ok(calls <= 2 * model.length, 'once at its insertion and once at its change')
})

t.test('a sequence whose rank is renewed from outside takes its new place', async t => {
  const view = policyView()
  const health: Policy = { name: 'health', rank (sequence) { sequence.rankKey = -sequence.linkHealth; return Infinity } }
  const queue = new WaitingQueue<Sequence>(health)
  const [first, second] = [sequenceAt(1, 0), sequenceAt(2, 0)]
  queue.push(first, view)
  queue.push(second, view)
  t.equal(queue.peek(view), first)
  first.linkHealth = 0.5
  queue.renew(first, view)
  t.equal(queue.peek(view), second)
})
