import t from 'tap'
import { SessionLengths } from '../../src/profiler/session-lengths.js'

t.test('the last answer of each session is known, and nothing of a session that was never heard of', t => {
  const lengths = new SessionLengths()
  t.equal(lengths.lastOf('a'), undefined)
  lengths.answered('a', 10)
  lengths.answered('b', 20)
  lengths.answered('a', 30)
  t.equal(lengths.lastOf('a'), 30)
  t.equal(lengths.lastOf('b'), 20)
  t.end()
})

t.test('of many sessions those heard of longest ago are forgotten', t => {
  const lengths = new SessionLengths(3)
  for (const name of ['a', 'b', 'c', 'a', 'd']) lengths.answered(name, 1)
  t.same(['a', 'b', 'c', 'd'].map(name => lengths.lastOf(name)), [1, undefined, 1, 1])
  const usual = new SessionLengths()
  for (let i = 0; i < 10_000; i++) usual.answered(String(i), i)
  t.equal(usual.size, 4096)
  t.equal(usual.lastOf('9999'), 9999)
  t.end()
})
