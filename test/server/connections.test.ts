import { once } from 'node:events'
import { request, Agent } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import t from 'tap'
import { buildServer } from '../../src/server/index.js'
import { FakeEngine } from '../support/fake-engine.js'
import { eventsOf, eventually, listening, RawClient } from '../support/http.js'

const path = '/v1/chat/completions'
const body = { model: 'fake', messages: [{ role: 'user', content: 'hi' }] }

t.test('one connection carries 100 streams, one after another', async t => {
  const { port } = await listening(t, new FakeEngine())
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => { agent.destroy() })
  const sockets = new Set()
  for (let i = 0; i < 100; i++) {
    const outgoing = request({ agent, port, host: '127.0.0.1', method: 'POST', path, headers: { 'content-type': 'application/json' } })
    outgoing.on('socket', socket => sockets.add(socket))
    outgoing.end(JSON.stringify({ ...body, stream: true }))
    const [response] = await once(outgoing, 'response')
    let text = ''
    for await (const part of response) text += part
    if (eventsOf(text).at(-1) !== 'DONE') t.fail(`stream ${i} has no end`)
  }
  t.equal(sockets.size, 1)
})

for (const stream of [false, true]) {
  const kind = stream ? 'a stream' : 'a plain answer'

  t.test(`a client that leaves during ${kind} ends its generation at once`, async t => {
    const engine = new FakeEngine({ answer: Array(1000).fill('x'), tokenMs: 10 })
    const { port } = await listening(t, engine)
    const before = engine.ended.length
    const client = new RawClient(port)
    client.post(path, { ...body, stream })
    await eventually(() => engine.running === 1, 'running')
    if (stream) await client.sees('"content":"x"')
    client.socket.destroy()
    await eventually(() => engine.running === 0, 'ended', 500)
    t.same(engine.ended.slice(before), ['abort'])
  })

  t.test(`a client that closes its sending half during ${kind} counts as gone`, async t => {
    const engine = new FakeEngine({ answer: Array(1000).fill('x'), tokenMs: 10 })
    const { port } = await listening(t, engine)
    const client = new RawClient(port)
    client.post(path, { ...body, stream })
    await eventually(() => engine.running === 1, 'running')
    client.socket.end()
    await eventually(() => engine.running === 0, 'ended', 500)
    t.equal(engine.ended.at(-1), 'abort')
  })
}

t.test('a client that leaves before its answer has begun ends its generation', async t => {
  const engine = new FakeEngine({ prefillMs: 60_000 })
  // The warm-up must not wait a minute.
  engine.options = {}
  const { port } = await listening(t, engine)
  engine.options = { prefillMs: 60_000 }
  const client = new RawClient(port)
  client.post(path, { ...body, stream: true })
  await eventually(() => engine.running === 1, 'running')
  client.socket.destroy()
  await eventually(() => engine.running === 0, 'ended', 500)
  t.equal(engine.ended.at(-1), 'abort')
})

t.test('a client that leaves ends all its requests, also those that wait behind another on its connection', async t => {
  const engine = new FakeEngine({ answer: Array(1000).fill('x'), tokenMs: 10 })
  const { app, requests, host } = buildServer(engine, { logLevel: 'silent' })
  t.teardown(async () => { await app.close() })
  await app.listen({ port: 0, host: '127.0.0.1' })
  await host.settled
  const client = new RawClient((app.server.address() as AddressInfo).port)
  for (const stream of [true, false, true]) client.post(path, { ...body, stream })
  await eventually(() => engine.running === 3, 'running')
  client.socket.destroy()
  await eventually(() => engine.running === 0, 'ended', 500)
  t.same(engine.ended.slice(-3), ['abort', 'abort', 'abort'])
  t.equal(requests.count, 0, 'a shutdown would wait for none of them')
})

t.test('a long prefill is bridged by comments, with the role before them', async t => {
  const engine = new FakeEngine()
  const { port } = await listening(t, engine, { pingIntervalMs: 100 })
  engine.options = { prefillMs: 450 }
  const client = new RawClient(port)
  client.post(path, { ...body, stream: true })
  await client.sees('[DONE]')
  const [, text] = client.received.split('\r\n\r\n', 2)
  t.ok((client.received.match(/: ping\n\n/g) ?? []).length >= 2, 'pings')
  t.ok(text!.indexOf('"role":"assistant"') < text!.indexOf(': ping'))
  t.equal((client.received.match(/"role":"assistant"/g) ?? []).length, 1)
  client.socket.destroy()
})

t.test('a client that stops reading stops its own stream only, and is cut off in the end', async t => {
  const engine = new FakeEngine()
  const { port } = await listening(t, engine, { stalledClientMs: 1000 })
  engine.options = { answer: Array(4000).fill('x'.repeat(10_000)) }
  const stalled = new RawClient(port)
  stalled.socket.pause()
  stalled.post(path, { ...body, stream: true })
  await eventually(() => engine.chats.length === 1, 'started')
  engine.options = {}
  const other = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ ...body, stream: true })
  })
  t.equal(eventsOf(await other.text()).at(-1), 'DONE')
  await eventually(() => stalled.isClosed || engine.ended.includes('abort') || stalled.socket.readableEnded, 'cut off', 5000).catch(() => {})
  stalled.socket.resume()
  await eventually(() => stalled.isClosed, 'the connection is cut', 5000)
  t.notMatch(stalled.received.slice(-100), /\[DONE\]/)
  t.ok(stalled.received.length < 40_000_000, `${stalled.received.length} of 40,000,000 characters were sent`)
})

t.test('an error after the headers is an event, and the connection closes', async t => {
  const engine = new FakeEngine()
  const { port } = await listening(t, engine)
  engine.options = { failure: new Error('inside'), failAt: 1 }
  const client = new RawClient(port)
  client.post(path, { ...body, stream: true })
  await client.sees('"code":"ERR_INTERNAL"')
  await eventually(() => client.isClosed, 'closed')
  t.notMatch(client.received, /inside|\[DONE\]/)
  t.match(client.received, /0\r\n\r\n$/, 'the body is complete all the same')
})

t.test('bytes that are no HTTP get a JSON error, and oversized headers too', async t => {
  const { port } = await listening(t, new FakeEngine())
  for (const [bytes, status, code] of [
    ['hello\r\n\r\n', 400, 'ERR_MALFORMED_REQUEST'],
    [`GET / HTTP/1.1\r\nhost: x\r\na: ${'b'.repeat(20_000)}\r\n\r\n`, 431, 'ERR_HEADERS_TOO_LARGE']
  ] as const) {
    const client = new RawClient(port)
    client.send(bytes)
    await eventually(() => client.isClosed, 'closed')
    const [head, json] = client.received.split('\r\n\r\n', 2)
    t.match(head, new RegExp(`^HTTP/1\\.1 ${status} `))
    t.match(head, /x-request-id: /i)
    t.match(JSON.parse(json!).error, { code, type: 'invalid_request_error', param: null })
  }
})

t.test('a body over the limit is refused before it has come in full', async t => {
  const { port } = await listening(t, new FakeEngine(), { bodyLimitBytes: 10_000 })
  const client = new RawClient(port)
  client.send(`POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 20000000\r\n\r\n{"model":`)
  await client.sees('ERR_BODY_TOO_LARGE')
  t.match(client.received, /^HTTP\/1\.1 413 /)
  client.socket.destroy()
})

t.test('a chunked request body works', async t => {
  const { port } = await listening(t, new FakeEngine())
  const client = new RawClient(port)
  const json = JSON.stringify(body)
  const chunks = [json.slice(0, 10), json.slice(10)].map(part => `${part.length.toString(16)}\r\n${part}\r\n`).join('')
  client.send(`POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`)
  await client.sees('Hello there!')
  t.match(client.received, /^HTTP\/1\.1 200 /)
  client.socket.destroy()
})

t.test('a client that sends its headers or its body too slowly is answered 408 and cut off', async t => {
  const { port } = await listening(t, new FakeEngine(), { headersTimeoutMs: 300, requestTimeoutMs: 600 })
  const [headers, whole] = [new RawClient(port), new RawClient(port)]
  headers.send(`POST ${path} HTTP/1.1\r\nhost: x\r\n`)
  whole.send(`POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n{`)
  const dripping = setInterval(() => {
    headers.send('x-slow: 1\r\n')
    whole.send(' ')
  }, 50)
  t.teardown(() => { clearInterval(dripping) })
  await eventually(() => headers.isClosed && whole.isClosed, 'cut off', 5000)
  for (const { received } of [headers, whole]) t.match(received, /^HTTP\/1\.1 408 .*"code":"ERR_REQUEST_TIMEOUT"/s)
})

t.test('a client that is cut off, and does not close its own side, holds no connection', async t => {
  const { port } = await listening(t, new FakeEngine(), { headersTimeoutMs: 100, requestTimeoutMs: 100 })
  for (const bytes of ['', 'GET / HTTP/1.1\r\n', 'no HTTP\r\n\r\n']) {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    socket.on('error', () => {}).resume()
    socket.write(bytes)
    await once(socket, 'end')
    // What is written to a connection that the other side has destroyed comes back as a reset.
    const writing = setInterval(() => { socket.write('x') }, 50)
    await eventually(() => socket.destroyed, `${JSON.stringify(bytes)}: destroyed`, 5000)
    clearInterval(writing)
  }
})
