import t from 'tap'
import { firstOf } from '../../src/scheduler/first-of.js'
import { Random, testSeed } from '../support/random.js'

t.test('the first of a sorted list are at the front, and no item is lost', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  for (let i = 0; i < 2000; i++) {
    // Many equal ones, now and then a sorted list, and counts beyond both ends.
    const items = Array.from({ length: random.integer(0, 40) }, () => random.integer(0, random.pick([3, 1000])))
    if (random.chance(0.2)) items.sort((a, b) => a - b)
    const count = random.integer(0, items.length + 2)
    const sorted = [...items].sort((a, b) => a - b)
    // What is behind them is not looked at.
    items.push(-1)
    firstOf(items, items.length - 1, count, (a, b) => a < b)
    items.pop()
    const front = items.slice(0, count).sort((a, b) => a - b)
    const all = [...items].sort((a, b) => a - b)
    if (String(front) !== String(sorted.slice(0, count)) || String(all) !== String(sorted)) {
      t.fail(`case ${i}: ${count} of ${items.join(' ')}`)
      return
    }
  }
  t.pass('in 2000 cases')
})
