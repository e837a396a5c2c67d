import t from 'tap'
import { FakeEngine } from '../support/fake-engine.js'
import { eventually, listening, RawClient } from '../support/http.js'

const path = '/v1/chat/completions'
const body = { model: 'fake', messages: [{ role: 'user', content: 'hi' }] }
const head = (length: number | 'chunked'): string =>
  `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${length === 'chunked' ? 'transfer-encoding: chunked' : `content-length: ${length}`}\r\n\r\n`
/** A request's body of so many bytes. */
const padded = (bytes: number): string => {
  const json = JSON.stringify({ ...body, user: '' })
  return json.replace('"user":""', `"user":"${'x'.repeat(bytes - json.length)}"`)
}
const refusal = /^HTTP\/1\.1 503 .*retry-after: 1\r\n.*"type":"unavailable_error"/s

t.test('a connection beyond the bound is told so, and one far beyond it is closed', async t => {
  const { port } = await listening(t, new FakeEngine(), { maxConnections: 2 })
  const [first, second, third] = [new RawClient(port), new RawClient(port), new RawClient(port)]
  for (const client of [first, second]) {
    client.post(path, body)
    await client.sees('Hello there!')
  }
  third.post(path, body)
  await third.sees('ERR_TOO_MANY_CONNECTIONS')
  t.match(third.received, refusal)
  t.match(third.received, /\r\nconnection: close\r\n/i)
  await eventually(() => third.isClosed, 'closed')

  const fourth = new RawClient(port)
  fourth.send('GET /health HTTP/1.1\r\nhost: x\r\n\r\n')
  await fourth.sees('"status":"ok"')
  t.match(fourth.received, /\r\nconnection: close\r\n/i, 'health is told under any load')
  await eventually(() => fourth.isClosed, 'closed')

  const [waiting, dropped] = [new RawClient(port), new RawClient(port)]
  await eventually(() => waiting.isClosed !== dropped.isClosed, 'one of both is closed unanswered')
  waiting.socket.destroy()
  dropped.socket.destroy()
  first.socket.destroy()
  await eventually(() => first.isClosed && waiting.isClosed, 'closed')
  await new Promise(resolve => setTimeout(resolve, 300))
  const fifth = new RawClient(port)
  fifth.post(path, body)
  await fifth.sees('Hello there!')
  for (const client of [second, fifth]) client.socket.destroy()
})

t.test('bodies on their way are bounded all together, by what has come of them', async t => {
  const { port } = await listening(t, new FakeEngine(), { maxUploadBytes: 100_000 })
  const first = new RawClient(port)
  const text = padded(80_000)
  first.send(head(text.length) + text.slice(0, 70_000))
  await new Promise(resolve => setTimeout(resolve, 300))

  const [declared, growing, promising] = [new RawClient(port), new RawClient(port), new RawClient(port)]
  declared.send(head(40_000))
  await declared.sees('ERR_UPLOADS_FULL')
  t.match(declared.received, refusal, 'refused before anything of its body has come')
  growing.send(`${head('chunked')}${(40_000).toString(16)}\r\n${'x'.repeat(40_000)}`)
  await growing.sees('ERR_UPLOADS_FULL')
  t.match(growing.received, refusal, 'refused when it has grown too large')
  promising.send(head(20_000))
  const small = new RawClient(port)
  small.post(path, body)
  await small.sees('Hello there!')
  first.send(text.slice(70_000))
  await first.sees('Hello there!')
  t.match(first.received, /^HTTP\/1\.1 200 /, 'one that was there before goes on')

  const alone = new RawClient(port)
  const large = padded(300_000)
  alone.send(head(large.length) + large)
  await alone.sees('Hello there!')
  t.match(alone.received, /^HTTP\/1\.1 200 /, 'one alone is taken whatever its size: the bytes of the others are given back')
  for (const client of [first, declared, growing, promising, small, alone]) client.socket.destroy()
})

t.test('what a client that leaves had sent is given back', async t => {
  const { port } = await listening(t, new FakeEngine(), { maxUploadBytes: 100_000 })
  const leaving = new RawClient(port)
  leaving.send(head(90_000) + 'x'.repeat(80_000))
  const next = (): RawClient => {
    const client = new RawClient(port)
    client.send(head(50_000))
    return client
  }
  await new Promise(resolve => setTimeout(resolve, 300))
  const refused = next()
  await refused.sees('ERR_UPLOADS_FULL')
  leaving.socket.destroy()
  await new Promise(resolve => setTimeout(resolve, 300))
  const taken = next()
  taken.send(padded(50_000))
  await taken.sees('Hello there!')
  t.match(taken.received, /^HTTP\/1\.1 200 /)
  for (const client of [refused, taken]) client.socket.destroy()
})
