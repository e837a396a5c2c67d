import t from 'tap'
import { sessionKey } from '../../src/engine/session-key.js'

t.test('tenants do not share a session, however their names are put together', t => {
  const keys = [sessionKey(undefined, 'one'), sessionKey('a', 'one'), sessionKey('ao', 'ne'), sessionKey('a', 'two'), sessionKey('a","one', ''), sessionKey('', '","one')]
  t.equal(new Set(keys).size, keys.length)
  t.equal(sessionKey('', 'one'), keys[0])
  t.end()
})

t.test('a long name takes no more memory than a short one, and is still another than its neighbour', t => {
  const long = 'x'.repeat(1_000_000)
  t.ok(sessionKey('a', long).length <= 128)
  t.equal(sessionKey('a', long), sessionKey('a', long))
  t.not(sessionKey('a', long), sessionKey('a', `${long}y`))
  t.not(sessionKey('a', long), sessionKey('b', long))
  t.end()
})
