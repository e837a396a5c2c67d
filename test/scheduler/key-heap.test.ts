import t from 'tap'
import { KeyHeap } from '../../src/scheduler/key-heap.js'
import { Random, testSeed } from '../support/random.js'

interface Item { readonly name: number, key: [number, number], handle: number }

t.test('the first is that of a sorted list, through random insertions, removals and changes of keys', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const heap = new KeyHeap<Item>(2)
  const model: Item[] = []
  const randomKey = (name: number): [number, number] => [random.integer(-20, 20), name]
  for (let name = 1; name <= 5000; name++) {
    const turn = random.next()
    if (turn < 0.5 || model.length === 0) {
      const item: Item = { name, key: randomKey(name), handle: -1 }
      item.handle = heap.push(item, ...item.key)
      model.push(item)
    } else if (turn < 0.75) {
      const item = random.pick(model)
      item.key = randomKey(item.name)
      heap.update(item.handle, ...item.key)
    } else {
      const item = random.chance(0.5) ? heap.peek()! : random.pick(model)
      heap.remove(item.handle)
      model.splice(model.indexOf(item), 1)
      if (heap.has(item.handle, item)) t.fail('what was removed is inside')
    }
    model.sort((a, b) => a.key[0] - b.key[0] || a.key[1] - b.key[1])
    if (heap.peek() !== model[0] || heap.size !== model.length) t.fail(`the first of ${model.length} is wrong`)
    if (!model.every(item => heap.has(item.handle, item))) t.fail('a handle is not its item\'s')
  }
  t.same([...heap].map(item => item.name).sort((a, b) => a - b), model.map(item => item.name).sort((a, b) => a - b))
})

t.test('items are taken out in the order of their keys, and an empty heap has none', async t => {
  const heap = new KeyHeap<string>(2)
  heap.push('third', 2, 0)
  heap.push('second', 1, 7)
  heap.push('first', 1, 3)
  t.same([heap.pop(), heap.pop(), heap.pop(), heap.pop()], ['first', 'second', 'third', undefined])
  t.equal(heap.size, 0)
})
