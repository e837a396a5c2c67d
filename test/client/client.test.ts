import t from 'tap'
import { ApiError, createClient, type ChatDelta } from '../../src/client/index.js'
import { readEvents } from '../../src/client/event-reader.js'
import { FakeEngine } from '../support/fake-engine.js'
import { eventually, listening } from '../support/http.js'

const request = { model: 'fake', messages: [{ role: 'user', content: 'hi there' }] } as const

async function collect (deltas: AsyncIterable<ChatDelta>): Promise<ChatDelta[]> {
  const all = []
  for await (const delta of deltas) all.push(delta)
  return all
}

t.test('an answer comes in pieces, with its reason and its usage at the end', async t => {
  const { url } = await listening(t, new FakeEngine(), { apiKey: 'k' })
  for (const baseUrl of [url, `${url}/`, `${url}/v1`]) {
    const deltas = await collect(createClient({ baseUrl, apiKey: 'k' }).chat(request))
    t.same(deltas, [
      { index: 0, text: 'Hello' }, { index: 0, text: ' there' }, { index: 0, text: '!' },
      { index: 0, text: '', finishReason: 'stop' },
      { index: 0, text: '', usage: { promptTokens: 2, completionTokens: 3, cachedTokens: 0 } }
    ])
  }
})

t.test('further fields are sent, and each choice keeps its index', async t => {
  const engine = new FakeEngine()
  const { url } = await listening(t, engine)
  const deltas = await collect(createClient({ baseUrl: url }).chat({ ...request, n: 2, temperature: 0.5 }))
  t.equal(engine.chats[0]!.temperature, 0.5)
  for (const index of [0, 1]) t.equal(deltas.filter(delta => delta.index === index).map(({ text }) => text).join(''), 'Hello there!')
})

t.test('refusals and failures in the middle are ApiErrors', async t => {
  const engine = new FakeEngine()
  const { url } = await listening(t, engine, { apiKey: 'k' })
  const client = createClient({ baseUrl: url, apiKey: 'k' })
  const failure = async (deltas: AsyncIterable<ChatDelta>): Promise<unknown> => await collect(deltas).then(() => 'no failure', error => error)
  const wrongKey = await failure(createClient({ baseUrl: url }).chat(request))
  t.type(wrongKey, ApiError)
  t.match(wrongKey, { status: 401, code: 'invalid_api_key', requestId: /./ })
  t.match(await failure(client.chat({ ...request, temperature: 9 })), { status: 400, param: 'temperature' })
  engine.options = { failure: new Error('x'), failAt: 1 }
  const midway = await failure(client.chat(request))
  t.type(midway, ApiError)
  t.match(midway, { code: 'ERR_INTERNAL', status: undefined })
  const cut = createClient({ baseUrl: url, fetch: async () => new Response('data: {"choices":[]}\n\n') })
  t.match(await failure(cut.chat(request)), { message: 'The stream ended before the answer did.' })
  const html = createClient({ baseUrl: url, fetch: async () => new Response('<html>', { status: 502 }) })
  t.match(await failure(html.chat(request)), { status: 502, message: 'The server answered with status 502.' })
})

t.test('leaving the loop, and a signal, end the generation on the server', async t => {
  const engine = new FakeEngine({ answer: Array(1000).fill('x'), tokenMs: 5 })
  const { url } = await listening(t, engine)
  const client = createClient({ baseUrl: url })
  for await (const { text } of client.chat(request)) if (text !== '') break
  await eventually(() => engine.running === 0, 'ended by leaving', 1000)
  const controller = new AbortController()
  const answer = collect(client.chat(request, { signal: controller.signal }))
  await eventually(() => engine.running === 1, 'running')
  controller.abort()
  await t.rejects(answer, { name: 'AbortError' })
  await eventually(() => engine.running === 0, 'ended by the signal', 1000)
  t.same(engine.ended.slice(-2), ['abort', 'abort'])
})

t.test('the round trip is measured without a key', async t => {
  const { url } = await listening(t, new FakeEngine(), { apiKey: 'k' })
  const rttMs = await createClient({ baseUrl: url }).measureRtt()
  t.ok(rttMs > 0 && rttMs < 5000, `${rttMs} ms`)
  await t.rejects(createClient({ baseUrl: `${url}/nowhere` }).measureRtt(), ApiError)
})

t.test('events are read whole, however they are cut', async t => {
  const stream = new TextEncoder().encode('data: {"a":"ä😀"}\n\n: ping\n\ndata:b\ndata: c\n\nevent: x\n\ndata: [DONE]\n\n')
  for (let size = 1; size <= stream.length; size += 3) {
    async function* parts (): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < stream.length; i += size) yield stream.subarray(i, i + size)
    }
    const events = []
    for await (const data of readEvents(parts())) events.push(data)
    t.same(events, ['{"a":"ä😀"}', 'b\nc', '[DONE]'])
  }
})
