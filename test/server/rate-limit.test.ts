import t from 'tap'
import { durationText, RateLimiter, TokenBucket } from '../../src/server/rate-limit.js'
import { FakeEngine } from '../support/fake-engine.js'
import { eventually, injectable, listening, RawClient } from '../support/http.js'

t.test('a bucket fills evenly up to its limit, and what is taken too much is paid for by waiting', t => {
  const bucket = new TokenBucket(60, 0)
  t.equal(bucket.waitMs(60, 0), 0)
  bucket.take(60, 0)
  t.equal(bucket.level(0), 0)
  t.equal(bucket.waitMs(1, 0), 1000)
  t.equal(bucket.level(30_000), 30)
  t.equal(bucket.level(1e9), 60, 'never more than a minute brings')
  bucket.take(90, 1e9)
  t.equal(bucket.level(1e9), -30)
  t.equal(bucket.waitMs(1, 1e9), 31_000)
  t.equal(bucket.waitMs(1000, 1e9), 90_000, 'what it can never hold waits until it is full')
  bucket.take(-500, 1e9)
  t.equal(bucket.level(1e9), 60)
  t.end()
})

t.test('a limiter refuses what is beyond requests or tokens, and takes nothing then', t => {
  let nowMs = 0
  const limiter = new RateLimiter({ requests: 2, tokens: 100 }, () => nowMs)
  limiter.admit(80)
  t.throws(() => { limiter.admit(30) }, { code: 'ERR_RATE_LIMIT', statusCode: 429, message: /100 tokens a minute/, retryAfterMs: 6000 })
  limiter.admit(20)
  t.throws(() => { limiter.admit(0) }, { code: 'ERR_RATE_LIMIT', message: /2 requests a minute/, retryAfterMs: 30_000 })
  t.match(limiter.headers(), {
    'x-ratelimit-limit-requests': '2', 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '1m0s',
    'x-ratelimit-limit-tokens': '100', 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '1m0s'
  })
  nowMs = 45_000
  limiter.admit(1)
  limiter.spend(500)
  t.equal(limiter.headers()['x-ratelimit-remaining-tokens'], '0', 'a debt is shown as nothing left')
  t.same(new RateLimiter({}).headers(), {})
  t.doesNotThrow(() => { for (let i = 0; i < 1000; i++) new RateLimiter({}).admit(1e9) })
  t.end()
})

t.test('durations are written as OpenAI does', t => {
  t.same([0, 5.2, 999, 1000, 1234, 59_900, 59_990, 60_000, 90_050, 360_000].map(durationText), ['0ms', '6ms', '999ms', '1s', '1.3s', '59.9s', '1m0s', '1m0s', '1m30.1s', '6m0s'])
  t.end()
})

const path = '/v1/chat/completions'
const body = { model: 'fake', messages: [{ role: 'user', content: 'hello' }] }
const send = (key: string, extra: object = {}) => ({ method: 'POST' as const, url: path, payload: { ...body, ...extra }, headers: { authorization: `Bearer ${key}` } })

t.test('each key has its own rate, told in headers, and a refusal says when to come back', async t => {
  const engine = new FakeEngine()
  const { app } = await injectable(t, engine, { apiKeys: ['a', 'b', { key: 'c', limits: { requests: 5 } }], rateLimitRequests: 2 })
  const first = await app.inject(send('a'))
  t.equal(first.statusCode, 200)
  t.match(first.headers, { 'x-ratelimit-limit-requests': '2', 'x-ratelimit-remaining-requests': '1' })
  t.equal((await app.inject(send('a', { temperature: 'hot' }))).statusCode, 400, 'a bad request counts')
  const refused = await app.inject(send('a'))
  t.equal(refused.statusCode, 429)
  t.match(refused.json().error, { code: 'rate_limit_exceeded', type: 'rate_limit_error', param: null })
  t.match(refused.headers, { 'x-should-retry': 'true', 'x-ratelimit-remaining-requests': '0' })
  t.ok(Number(refused.headers['retry-after']) >= 1 && Number(refused.headers['retry-after']) <= 60)
  t.ok(Number(refused.headers['retry-after-ms']) > 20_000)
  t.equal((await app.inject({ url: '/v1/models', headers: { authorization: 'Bearer a' } })).statusCode, 200, 'only generation is limited')
  t.equal((await app.inject(send('b'))).statusCode, 200)
  for (let i = 0; i < 5; i++) t.equal((await app.inject(send('c'))).statusCode, 200)
  t.equal((await app.inject(send('c'))).statusCode, 429)
  t.equal((await app.inject(send('wrong'))).headers['x-ratelimit-limit-requests'], undefined)
})

t.test('tokens of prompts and answers count, plain, streamed and left, and guesses are given back', async t => {
  const engine = new FakeEngine({ answer: Array(10).fill('x') })
  const { app, host } = await injectable(t, engine, { apiKeys: ['plain', 'streamed'], rateLimitTokens: 1000 })
  t.equal(host.state, 'ready')
  const left = async (key: string): Promise<number> => Number((await app.inject(send(key, { temperature: 'hot' }))).headers['x-ratelimit-remaining-tokens'])
  // A bad request takes its own guess until its answer is out.
  const guess = Math.ceil(JSON.stringify({ ...body, temperature: 'hot' }).length / 4)
  for (const [key, stream] of [['plain', false], ['streamed', true]] as const) {
    t.equal(await left(key), 1000 - guess)
    t.equal((await app.inject(send(key, { stream }))).statusCode, 200)
    const remaining = await left(key)
    t.ok(Math.abs(remaining - (1000 - guess - 11)) <= 2, `${key}: ${remaining}; a prompt of one token, ten of an answer`)
  }
  const server = await listening(t, new FakeEngine({ answer: Array(1000).fill('x'), tokenMs: 5 }), { apiKey: 'left', rateLimitTokens: 1000 })
  const client = new RawClient(server.port)
  client.post(path, { ...body, stream: true }, { authorization: 'Bearer left' })
  await eventually(() => client.received.split('"content":"x"').length > 20, 'twenty tokens')
  client.socket.destroy()
  await eventually(() => server.host.state === 'ready', 'ready')
  await new Promise(resolve => setTimeout(resolve, 100))
  const response = await fetch(`${server.url}${path}`, { method: 'POST', headers: { authorization: 'Bearer left', 'content-type': 'application/json' }, body: '{}' })
  t.ok(Number(response.headers.get('x-ratelimit-remaining-tokens')) < 1000 - 10, `${response.headers.get('x-ratelimit-remaining-tokens')} are left`)
})

t.test('a huge prompt is refused by its length when its key has not enough left', async t => {
  const engine = new FakeEngine()
  const { port } = await listening(t, engine, { apiKey: 'k', rateLimitTokens: 1000 })
  await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', headers: { authorization: 'Bearer k', 'content-type': 'application/json' }, body: JSON.stringify(body) })
  const client = new RawClient(port)
  client.send(`POST ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer k\r\ncontent-type: application/json\r\ncontent-length: 9000000\r\n\r\n`)
  await client.sees('rate_limit_exceeded')
  t.equal(engine.chats.length, 1)
  client.socket.destroy()
})

t.test('without keys all clients share one rate, and the admin key has none', async t => {
  const { app } = await injectable(t, new FakeEngine(), { rateLimitRequests: 1 })
  t.equal((await app.inject({ method: 'POST', url: path, payload: body })).statusCode, 200)
  t.equal((await app.inject({ method: 'POST', url: path, payload: body })).statusCode, 429)
  const guarded = await injectable(t, new FakeEngine(), { apiKeys: ['k'], adminKey: 'root', rateLimitRequests: 1 })
  for (let i = 0; i < 3; i++) t.equal((await guarded.app.inject(send('root'))).statusCode, 200)
})
