import t from 'tap'
import { EngineRegistry } from '../../src/engine/registry.js'
import type { ServedEngine } from '../../src/server/index.js'
import { FakeEngine } from '../support/fake-engine.js'
import { injectable } from '../support/http.js'
import { buildServer } from '../../src/server/index.js'

const chat = { method: 'POST' as const, url: '/v1/chat/completions', payload: { model: 'fake', messages: [{ role: 'user', content: 'x' }] } }

t.test('while loading, health and generation say when to come back, and models are named at once', async t => {
  let finish!: (engine: ServedEngine) => void
  let done = 0.25
  const { app, host } = buildServer({
    modelNames: ['fake'], engine: new Promise(resolve => { finish = resolve }), progress: () => done
  }, { logLevel: 'silent' })
  t.teardown(async () => { await app.close() })
  for (const request of [{ url: '/health' }, chat]) {
    const response = await app.inject(request)
    t.equal(response.statusCode, 503)
    t.match(response.json().error, { type: 'unavailable_error', code: 'ERR_LOADING', message: /25 %/ })
    t.match(response.headers, { 'retry-after': '2', 'retry-after-ms': '2000', 'x-should-retry': 'true' })
  }
  t.match((await app.inject('/v1/models')).json(), { object: 'list', data: [{ id: 'fake', object: 'model', owned_by: 'millrace', max_model_len: null }] })
  t.match((await app.inject('/api/version')).json(), { version: /^\d+\.\d+\.\d+/ })
  done = 1
  const engine = new FakeEngine()
  finish(engine)
  await host.settled
  t.match(engine.completions[0], { maxTokens: 1 }, 'one token was really generated')
  t.equal((await app.inject('/health')).statusCode, 200)
  t.equal((await app.inject(chat)).statusCode, 200)
  t.match((await app.inject('/v1/models')).json(), { data: [{ id: 'fake', max_model_len: 4096 }] })
})

t.test('a model that cannot be loaded, or cannot produce a token, is never healthy', async t => {
  const failing = new FakeEngine({ failure: new Error('broken weights in /models/x') })
  const empty = new FakeEngine()
  empty.complete = options => new FakeEngine().complete({ ...options, maxTokens: 0 })
  const sources = [
    failing,
    empty,
    { modelNames: ['fake'], engine: Promise.reject(new Error('no such file /models/x')), progress: () => 0 }
  ]
  for (const source of sources) {
    const { app } = await injectable(t, source)
    for (const request of [{ url: '/health' }, chat]) {
      const response = await app.inject(request)
      t.equal(response.statusCode, 503)
      t.match(response.json().error, { code: 'ERR_ENGINE_FAILED', type: 'unavailable_error' })
      t.notMatch(response.body, /models\/x/)
    }
  }
})

t.test('an engine that dies later is unhealthy from its first failed request on, and healthy when it is back', async t => {
  const engine = new FakeEngine()
  const { app } = await injectable(t, engine)
  t.equal((await app.inject('/health')).statusCode, 200)
  engine.isClosed = true
  const failed = await app.inject(chat)
  t.equal(failed.statusCode, 503)
  t.equal(failed.json().error.code, 'ERR_ENGINE_CLOSED')
  t.equal((await app.inject('/health')).statusCode, 503)
  engine.isClosed = false
  t.equal((await app.inject('/health')).statusCode, 200)
})

t.test('health takes recent steps as evidence and asks for no token of its own then', async t => {
  const engine = new FakeEngine()
  const { app } = await injectable(t, engine)
  await app.inject('/health')
  const asked = engine.completions.length
  await app.inject(chat)
  for (let i = 0; i < 5; i++) t.equal((await app.inject('/health')).statusCode, 200)
  t.equal(engine.completions.length, asked)
})

t.test('several engines answer by the names of their models', async t => {
  const registry = { engines: new Map([['a/one', new FakeEngine({ modelName: 'a/one', answer: ['1'] })], ['two', new FakeEngine({ modelName: 'two', answer: ['2'] })]]) }
  const { app } = await injectable(t, {
    get: name => registry.engines.get(name)!,
    names: () => [...registry.engines.keys()],
    [Symbol.iterator]: () => registry.engines.values()
  })
  for (const [model, text] of [['a/one', '1'], ['two', '2']]) {
    const { choices } = (await app.inject({ ...chat, payload: { ...chat.payload, model } })).json()
    t.equal(choices[0].message.content, text)
  }
  for (const url of ['/v1/models/a/one', '/v1/models/a%2Fone', '/v1/models/two']) t.equal((await app.inject(url)).statusCode, 200, url)
  const registryOfEngines: Parameters<typeof buildServer>[0] = new EngineRegistry()
  t.ok(registryOfEngines, 'the engine\'s own registry is one by its type')
})
