import t from 'tap'
import { Histogram } from '../../src/core/histogram.js'
import { Random, testSeed } from '../support/random.js'

t.test('a value belongs to the first range whose end it does not exceed', t => {
  const histogram = new Histogram([1, 2.5, 10])
  for (const value of [0, 1, 1.0001, 2.5, 10, 10.5, Infinity]) histogram.observe(value)
  t.same([...histogram.counts], [2, 2, 1, 2])
  t.equal(histogram.count, 7)
  t.end()
})

t.test('counts and sum are those of a plain loop over random values', t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const bounds = [0.1, 0.2, 0.5, 0.7]
  const histogram = new Histogram(bounds)
  const counts = [0, 0, 0, 0, 0]
  let sum = 0
  for (let i = 0; i < 1000; i++) {
    const value = random.next()
    const range = bounds.findIndex(bound => value <= bound)
    counts[range < 0 ? 4 : range]!++
    sum += value
    histogram.observe(value)
  }
  t.same([...histogram.counts], counts)
  t.equal(histogram.sum, sum)
  t.end()
})
