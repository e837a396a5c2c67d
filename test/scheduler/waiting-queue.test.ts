import t from 'tap'
import { fcfs } from '../../src/scheduler/policy.js'
import { Sequence } from '../../src/scheduler/sequence.js'
import { WaitingQueue } from '../../src/scheduler/waiting-queue.js'
import { Random, testSeed } from '../support/random.js'

function sequenceAt (id: number, arrivalMs: number): Sequence {
  return new Sequence({ id, arrivalMs, promptIds: new Int32Array(1), maxTokens: 1 })
}

t.test('random insertions and removals leave the order of a sorted list', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const queue = new WaitingQueue<Sequence>((a, b) => fcfs.compare(a, b))
  const model: Sequence[] = []
  for (let id = 1; id <= 3000; id++) {
    if (random.chance(0.6) || model.length === 0) {
      const sequence = sequenceAt(id, random.integer(0, 40))
      queue.push(sequence)
      model.push(sequence)
    } else {
      const victim = random.chance(0.5) ? queue.peek()! : random.pick(model)
      queue.remove(victim)
      model.splice(model.indexOf(victim), 1)
    }
    model.sort((a, b) => fcfs.compare(a, b))
    if (queue.peek() !== model[0]) t.fail(`the first of ${model.length} is wrong`)
  }
  const drained: number[] = []
  for (let first = queue.peek(); first !== undefined; first = queue.peek()) {
    queue.remove(first)
    drained.push(first.id)
  }
  t.same(drained, model.map(sequence => sequence.id))
})

t.test('a sequence that is not inside cannot be removed', async t => {
  const queue = new WaitingQueue<Sequence>((a, b) => fcfs.compare(a, b))
  queue.push(sequenceAt(1, 0))
  t.throws(() => { queue.remove(sequenceAt(2, 0)) }, /not waiting/)
})
