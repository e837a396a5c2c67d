import t from 'tap'
import { ResponseStore, type ResponseStoreLimits, type StoredResponse } from '../../../src/server/responses/response-store.js'

function storeOf (limits: Partial<ResponseStoreLimits> = {}): { store: ResponseStore, clock: { ms: number } } {
  const clock = { ms: 0 }
  return { store: new ResponseStore({ maxEntries: 3, maxBytes: 1e6, maxIdleMs: 1000, ...limits }, () => clock.ms), clock }
}

function stored (id: string, text = '', owner = 'me'): StoredResponse {
  return { owner, response: { id }, input: [], conversation: [{ role: 'user', content: text }] }
}

t.test('the response that was used longest ago makes room', t => {
  const { store } = storeOf()
  for (const id of ['a', 'b', 'c']) store.put(stored(id))
  t.ok(store.get('a', 'me'), 'used now')
  store.put(stored('d'))
  t.equal(store.get('b', 'me'), undefined)
  for (const id of ['a', 'c', 'd']) t.ok(store.get(id, 'me'), id)
  t.equal(store.count, 3)
  t.end()
})

t.test('what is held never exceeds the bytes, and is nothing when all is deleted', t => {
  const { store } = storeOf({ maxEntries: 1000, maxBytes: 100_000 })
  for (let i = 0; i < 200; i++) {
    store.put(stored(`r${i}`, 'x'.repeat((i * 997) % 20_000)))
    t.ok(store.bytes <= 100_000 && store.bytes >= 0, `${store.bytes} bytes`)
  }
  const left = Array.from({ length: 200 }, (_, i) => `r${i}`).filter(id => store.delete(id, 'me'))
  t.ok(left.length > 1 && left.length < 50)
  t.equal(store.bytes, 0)
  t.equal(store.count, 0)
  t.end()
})

t.test('texts count two bytes a character at least, and one that is too large evicts nobody', t => {
  const { store } = storeOf({ maxBytes: 20_000 })
  store.put(stored('small', 'x'.repeat(1000)))
  t.ok(store.bytes >= 2000)
  store.put(stored('large', 'x'.repeat(10_000)))
  t.equal(store.get('large', 'me'), undefined)
  t.ok(store.get('small', 'me'))
  t.end()
})

t.test('one that nobody asks for expires, and asking keeps it', t => {
  const { store, clock } = storeOf()
  store.put(stored('a'))
  store.put(stored('b'))
  clock.ms = 900
  t.ok(store.get('a', 'me'))
  clock.ms = 1100
  t.equal(store.get('b', 'me'), undefined)
  t.ok(store.get('a', 'me'))
  t.equal(store.count, 1)
  t.end()
})

t.test('no entries means that nothing is kept', t => {
  const { store } = storeOf({ maxEntries: 0 })
  store.put(stored('a'))
  t.equal(store.count, 0)
  t.equal(store.bytes, 0)
  t.end()
})

t.test('others see and delete nothing, and do not keep it from expiring', t => {
  const { store, clock } = storeOf()
  store.put(stored('a'))
  clock.ms = 900
  t.equal(store.get('a', 'you'), undefined)
  t.equal(store.delete('a', 'you'), false)
  clock.ms = 1100
  t.equal(store.get('a', 'me'), undefined)
  t.end()
})

t.test('members of objects count what they take in memory, not only their names', t => {
  const { store } = storeOf({ maxBytes: 2 ** 20 })
  const extra = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [i.toString(36), 1]))
  store.put({ ...stored('a'), input: [{ id: 'i', type: 'message', role: 'user', content: 'x', ...extra }] })
  t.equal(store.count, 0, 'some 1.4 MB')
  t.end()
})
