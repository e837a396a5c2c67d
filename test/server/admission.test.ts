import t from 'tap'
import { OverloadedError, SloUnreachableError } from '../../src/core/errors.js'
import { Engine } from '../../src/engine/engine.js'
import { FakeEngine } from '../support/fake-engine.js'
import { fixture } from '../support/fixtures.js'
import { eventually, injectable, listening, RawClient } from '../support/http.js'

const path = '/v1/chat/completions'
const body = { model: 'fake', messages: [{ role: 'user', content: 'hello' }] }

/** With a queue that is full from the warm-up on. */
class FullEngine extends FakeEngine {
  isFull = false
  readonly asked: number[] = []

  checkQueue (characters: number): void {
    this.asked.push(characters)
    if (this.isFull) throw new OverloadedError('queuedRequests', 'The queue is full.', 2500)
  }
}

t.test('a full queue answers 429 with the times to try again at, before the body is there', async t => {
  const engine = new FullEngine()
  const { port } = await listening(t, engine)
  engine.isFull = true
  const client = new RawClient(port)
  client.send(`POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9000000\r\n\r\n`)
  await client.sees('ERR_OVERLOADED')
  t.match(client.received, /^HTTP\/1\.1 429 /)
  t.match(client.received, /\r\nretry-after: 3\r\nretry-after-ms: 2500\r\nx-should-retry: true\r\n/i)
  t.match(client.received, /"type":"rate_limit_error","param":null,"code":"ERR_OVERLOADED"/)
  t.same(engine.asked, [9_000_000])
  t.same(engine.chats, [])
  client.socket.destroy()
})

t.test('a full queue refuses nothing but generation, and does not make the engine ill', async t => {
  const engine = new FullEngine()
  const { app } = await injectable(t, engine)
  engine.isFull = true
  for (let i = 0; i < 3; i++) t.equal((await app.inject({ method: 'POST', url: path, payload: body })).statusCode, 429)
  for (const url of ['/v1/models', '/health', '/version']) t.equal((await app.inject(url)).statusCode, 200, url)
  t.equal(engine.completions.length, 1, 'nothing was asked of it but the warm-up')
  engine.isFull = false
  t.equal((await app.inject({ method: 'POST', url: path, payload: body })).statusCode, 200)
})

t.test('of several engines one with room is enough to read the body', async t => {
  const [full, free] = [new FullEngine({ modelName: 'full' }), new FullEngine({ modelName: 'free' })]
  const registry = { * [Symbol.iterator] () { yield full; yield free }, get: () => free, names: () => ['full', 'free'] }
  const { app } = await injectable(t, registry)
  full.isFull = true
  t.equal((await app.inject({ method: 'POST', url: path, payload: { ...body, model: 'free' } })).statusCode, 200)
  free.isFull = true
  t.equal((await app.inject({ method: 'POST', url: path, payload: { ...body, model: 'free' } })).statusCode, 429)
})

t.test('times that the queue misses are no fault of the engine, and come with the time to try again', async t => {
  const engine = new FakeEngine()
  const { app } = await injectable(t, engine)
  engine.options = { failure: new SloUnreachableError('slo.ttftMs', 100, 4100, 4100) }
  const refused = await app.inject({ method: 'POST', url: path, payload: body })
  t.equal(refused.statusCode, 503)
  t.match(refused.headers, { 'retry-after': '4', 'retry-after-ms': '4000', 'x-should-retry': 'true' })
  const asked = engine.completions.length
  t.equal((await app.inject('/health')).statusCode, 200)
  t.equal(engine.completions.length, asked, 'the health check has nothing to find out')
})

t.test('the engine learns when the client gives up', async t => {
  const engine = new FakeEngine()
  const { app } = await injectable(t, engine)
  await app.inject({ method: 'POST', url: path, payload: body, headers: { 'x-stainless-timeout': '10' } })
  await app.inject({ method: 'POST', url: path, payload: body })
  await app.inject({ method: 'POST', url: '/v1/completions', payload: { model: 'fake', prompt: 'x' }, headers: { 'x-stainless-timeout': '10' } })
  const { giveUpMs } = engine.chats[0]!
  t.ok(giveUpMs! > 10_000 && giveUpMs! <= 11_000, `${giveUpMs} ms`)
  t.equal(engine.chats[1]!.giveUpMs, undefined)
  t.ok(engine.completions.at(-1)!.giveUpMs! > 10_000)
  await app.inject({ method: 'POST', url: '/v1/embeddings', payload: { model: 'fake', input: 'x' }, headers: { 'x-stainless-timeout': '10' } })
  t.ok(engine.embeds[0]!.giveUpMs! > 10_000)
})

t.test('a list of prompts that the queue could never take is refused for good', async t => {
  const engine = new FakeEngine()
  Object.assign(engine.info.options, { maxQueuedRequests: 4 })
  const { app } = await injectable(t, engine)
  const status = async (prompts: number, n: number): Promise<number> => {
    const payload = { model: 'fake', prompt: Array.from({ length: prompts }, () => 'x'), n }
    const response = await app.inject({ method: 'POST', url: '/v1/completions', payload })
    if (response.statusCode === 400) t.match(response.headers, { 'x-should-retry': 'false' })
    return response.statusCode
  }
  t.equal(await status(2, 2), 200)
  t.equal(await status(5, 1), 400)
  t.equal(await status(3, 2), 400)
  t.equal(await status(1, 5), 200, 'one prompt alone is taken when nothing waits')
})

t.test('an overloaded server refuses in under 5 ms, serves what it has taken, and is healthy', async t => {
  const engine = await Engine.load(fixture('models/qwen3'), { maxNumSeqs: 2, maxQueuedRequests: 6 })
  t.teardown(async () => { await engine.close() })
  const { app } = await injectable(t, engine)
  const tookMs: number[] = []
  const send = async (): Promise<number> => {
    const startMs = performance.now()
    const { statusCode } = await app.inject({ method: 'POST', url: '/v1/completions', payload: { model: 'qwen3', prompt: 'mill', max_tokens: 150, ignore_eos: true } })
    if (statusCode === 429) tookMs.push(performance.now() - startMs)
    return statusCode
  }
  const first = Array.from({ length: 40 }, send)
  await eventually(() => tookMs.length >= 32, 'most are refused')
  tookMs.length = 0
  for (let i = 0; i < 20; i++) t.equal(await send(), 429)
  t.ok(Math.min(...tookMs) < 5, `${Math.min(...tookMs).toFixed(2)} ms`)
  t.equal((await app.inject('/health')).statusCode, 200)
  const statuses = await Promise.all(first)
  t.equal(statuses.filter(status => status === 200).length, 8, 'two that run, and six that wait')
  t.equal(statuses.filter(status => status === 429).length, 32)
  t.equal(await send(), 200, 'there is room again')
  t.match((await app.inject('/metrics')).body, /millrace:requests_refused_total\{model_name="qwen3",engine="0",reason="queue_requests"\} 52\n/)
})
