import t from 'tap'
import { median, medians, percentile } from '../../../bench/lib/statistics.js'

t.test('a median is the middle value, or the mean of two', async t => {
  t.equal(median([9, 1, 5]), 5)
  t.equal(median([9, 1, 5, 6]), 5.5)
  t.equal(median([4]), 4)
  t.ok(Number.isNaN(median([])))
})

t.test('a percentile is a value that occurs: the nearest rank', async t => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i)
  t.equal(percentile(hundred, 50), 50)
  t.equal(percentile(hundred, 99), 99)
  t.equal(percentile(hundred, 100), 100)
  t.equal(percentile([3, 1, 2], 95), 3)
  t.equal(percentile([3, 1, 2], 1), 1)
  t.ok(Number.isNaN(percentile([], 50)))
})

t.test('medians are taken key by key', async t => {
  t.same(medians([{ a: 1, b: 30 }, { a: 3, b: 10 }, { a: 2, b: 20 }]), { a: 2, b: 20 })
})
