import t from 'tap'
import { FakeEngine } from '../support/fake-engine.js'
import { eventsOf, eventually, listening, RawClient } from '../support/http.js'

const path = '/v1/chat/completions'
const body = { model: 'fake', messages: [{ role: 'user', content: 'hi' }], stream: true }

function post (url: string, given: object): Promise<Response> {
  return fetch(url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(given) })
}

t.test('a shutdown lets running requests finish, refuses new ones, and then frees the port', async t => {
  const engine = new FakeEngine({ answer: Array(20).fill('x'), tokenMs: 20 })
  const server = await listening(t, engine)
  const running = await post(server.url, body)
  const plain = post(server.url, { ...body, stream: false })
  await eventually(() => engine.running === 2, 'both run')
  const idle = new RawClient(server.port)
  const closing = server.close({ timeoutMs: 10_000 })
  const health = await fetch(`${server.url}/health`)
  t.equal(health.status, 503)
  t.match(await health.json(), { error: { code: 'ERR_DRAINING', type: 'unavailable_error' } })
  const refused = await post(server.url, body)
  t.equal(refused.status, 503)
  t.ok(Number(refused.headers.get('retry-after')) > 0)
  t.equal(refused.headers.get('connection'), 'close', 'a client that keeps connections goes elsewhere')
  await refused.text()
  t.equal(eventsOf(await running.text()).at(-1), 'DONE', 'the running stream ended well')
  t.match(await (await plain).json(), { choices: [{ finish_reason: 'stop' }] })
  await closing
  await eventually(() => idle.isClosed, 'idle connections are closed')
  await t.rejects(fetch(`${server.url}/health`))
})

t.test('past the deadline running requests end with an error and not as if they were done', async t => {
  const engine = new FakeEngine({ answer: Array(10_000).fill('x'), tokenMs: 10 })
  const server = await listening(t, engine)
  const stream = await post(server.url, body)
  const plain = post(server.url, { ...body, stream: false })
  await eventually(() => engine.running === 2, 'both run')
  const startMs = performance.now()
  await server.close({ timeoutMs: 100 })
  t.ok(performance.now() - startMs < 3000, 'soon')
  const events = eventsOf(await stream.text())
  t.match(events.at(-1), { error: { code: 'ERR_DRAINING' } })
  t.notOk(events.some(event => event.choices?.[0]?.finish_reason != null))
  t.equal((await plain).status, 503)
  t.equal(engine.running, 0)
})

t.test('closing twice waits for the one shutdown', async t => {
  const server = await listening(t, new FakeEngine())
  await Promise.all([server.close(), server.close()])
  await t.rejects(fetch(`${server.url}/health`))
})

t.test('a shutdown waits until the last answer has gone out, also to a slow reader', async t => {
  const engine = new FakeEngine()
  const server = await listening(t, engine)
  engine.options = { answer: Array(300).fill('x'.repeat(100_000)) }
  const client = new RawClient(server.port)
  client.socket.pause()
  client.post(path, { ...body, stream: false })
  await eventually(() => engine.chats.length === 1 && engine.running === 0, 'generated')
  const closing = server.close({ timeoutMs: 20_000 })
  await new Promise(resolve => setTimeout(resolve, 300))
  client.socket.resume()
  await closing
  await eventually(() => client.isClosed, 'closed')
  t.ok(client.received.length > 30_000_000, `${client.received.length} characters came`)
  t.match(client.received.slice(-300), /"finish_reason":"stop".*\}$/)
})
