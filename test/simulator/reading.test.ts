import t from 'tap'
import { Reading } from '../../src/simulator/reading.js'

/** QoE of an answer whose tokens come at these times; two are read a second. */
function qoeOf (timesMs: readonly number[]): number {
  const reading = new Reading(0, timesMs.length, 2)
  for (const ms of timesMs) reading.onToken(ms)
  return reading.qoe
}

t.test('an answer that is never behind its reader is worth 1, however early it comes', async t => {
  t.equal(qoeOf([1000, 1500, 2000, 2500]), 1)
  t.equal(qoeOf([0, 0, 0, 0]), 1)
  t.equal(qoeOf([1000]), 1)
})

t.test('what comes late costs what could have been read meanwhile', async t => {
  // All read at 3000 if nothing was late: areas of 2000, 1500, 1000 and 500.
  t.equal(qoeOf([1500, 2000, 2500, 3000]), (1500 + 1000 + 500) / 5000, 'half a second at the beginning')
  t.equal(qoeOf([1000, 1500, 2500, 3000]), (2000 + 1500 + 500) / 5000, 'half a second in the middle')
  t.equal(qoeOf([3000, 3000, 3000, 3000]), 0, 'all of it')
})

t.test('a burst after a pause is read one token after the other', async t => {
  t.equal(qoeOf([1000, 2500, 2500, 2500]), (2000 + 500) / 5000)
})

t.test('a token that never came counts as one after the end', async t => {
  const reading = new Reading(0, 2, 2)
  reading.onToken(1000)
  t.equal(reading.qoe, 1000 / 1500)
})
