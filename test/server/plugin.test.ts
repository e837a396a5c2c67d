import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { millracePlugin, type MillracePluginOptions } from '../../src/server/index.js'
import { FakeEngine } from '../support/fake-engine.js'
import { eventsOf, eventually } from '../support/http.js'

const chat = { model: 'fake', messages: [{ role: 'user', content: 'hi' }] }

interface Host {
  readonly app: FastifyInstance
  readonly engine: FakeEngine
}

/** A server of somebody's own, with defaults and parts that must stay as they are, and the API in it. */
async function host (t: Test, options: Partial<MillracePluginOptions> & { prefix?: string } = {}): Promise<Host> {
  const engine = new FakeEngine()
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  app.setErrorHandler((error, _, reply) => { void reply.code(418).send({ mine: (error as Error).message }) })
  app.addContentTypeParser('text/csv', { parseAs: 'string' }, (_, body, done) => { done(null, String(body).split(',')) })
  app.post('/rows', { schema: { body: { type: 'array' } } }, request => request.body)
  app.post('/sum', { schema: { body: { type: 'object', properties: { a: { type: 'integer' }, b: { type: 'integer', default: 2 } } } } }, request => {
    const { a, b } = request.body as Record<'a' | 'b', number>
    return { sum: a + b }
  })
  app.get('/fails', () => { throw new Error('as it should') })
  await app.register(millracePlugin, { engine, drainTimeoutMs: 5000, ...options })
  app.get('/late', () => 'registered after it')
  await app.ready()
  return { app, engine }
}

for (const prefix of ['', '/llm']) {
  t.test(`a host serves the API ${prefix === '' ? 'at its root' : `under ${prefix}`}, plain and streamed`, async t => {
    const { app } = await host(t, { prefix })
    t.equal((await app.inject(`${prefix}/health`)).statusCode, 200)
    t.match((await app.inject(`${prefix}/v1/models`)).json(), { data: [{ id: 'fake' }] })
    t.match((await app.inject(`${prefix}/v1/models/fake`)).json(), { id: 'fake' })
    const answer = await app.inject({ method: 'POST', url: `${prefix}/v1/chat/completions`, payload: chat })
    t.match(answer.json(), { choices: [{ message: { content: 'Hello there!' } }] })
    t.ok(answer.headers['x-request-id'])
    const stream = await app.inject({ method: 'POST', url: `${prefix}/v1/chat/completions`, payload: { ...chat, stream: true } })
    t.equal(eventsOf(stream.payload).at(-1), 'DONE')
    const metrics = (await app.inject(`${prefix}/metrics`)).payload
    t.match(metrics, `handler="${prefix}/v1/chat/completions"`)
    t.notMatch(metrics, /handler="[^"]*health/)
  })

  t.test(`its schemas are strict and its errors are the API's ${prefix}, whatever the host has`, async t => {
    const { app } = await host(t, { prefix })
    const refused = async (payload: object): Promise<object> => {
      const response = await app.inject({ method: 'POST', url: `${prefix}/v1/chat/completions`, payload })
      t.equal(response.statusCode, 400)
      return response.json<object>()
    }
    t.match(await refused({ ...chat, max_tokens: '5' }), { error: { param: 'max_tokens', type: 'invalid_request_error' } }, 'a text is no number')
    t.match(await refused({ messages: [] }), { error: { param: 'model' } })
    const csv = await app.inject({ method: 'POST', url: `${prefix}/v1/chat/completions`, headers: { 'content-type': 'text/csv' }, payload: '1,2' })
    t.equal(csv.statusCode, 415)
    t.match(csv.json(), { error: { type: 'invalid_request_error' } })
  })

  t.test(`routes of the host are as they were, beside an API at "${prefix}"`, async t => {
    const { app } = await host(t, { prefix })
    const failed = await app.inject('/fails')
    t.equal(failed.statusCode, 418)
    t.same(failed.json(), { mine: 'as it should' })
    t.same((await app.inject({ method: 'POST', url: '/rows', headers: { 'content-type': 'text/csv' }, payload: '1,2' })).json(), ['1', '2'])
    t.same((await app.inject({ method: 'POST', url: '/sum', payload: { a: '40' } })).json(), { sum: 42 }, 'its schemas still convert and fill in')
    const late = await app.inject({ url: '/late', headers: { 'content-encoding': 'gzip' } })
    t.equal(late.payload, 'registered after it')
    t.equal(late.headers['x-request-id'], undefined)
  })
}

t.test('unknown paths are the API\'s under its prefix, and the host\'s everywhere else', async t => {
  const { app } = await host(t, { prefix: '/llm' })
  t.match((await app.inject('/llm/v1/nothing')).json(), { error: { code: 'ERR_ROUTE_NOT_FOUND' } })
  const wrongMethod = await app.inject('/llm/v1/chat/completions')
  t.equal(wrongMethod.statusCode, 405)
  t.equal(wrongMethod.headers['allow'], 'POST')
  t.match((await app.inject('/nothing')).json(), { error: 'Not Found' })
  const { app: atRoot } = await host(t)
  t.match((await atRoot.inject('/nothing')).json(), { error: 'Not Found' })
})

t.test('a body limit of the API holds for it alone', async t => {
  const { app } = await host(t, { prefix: '/llm', bodyLimitBytes: 2000 })
  const long = { ...chat, messages: [{ role: 'user', content: 'x'.repeat(3000) }] }
  t.equal((await app.inject({ method: 'POST', url: '/llm/v1/chat/completions', payload: long })).statusCode, 413)
  t.equal((await app.inject({ method: 'POST', url: '/sum', payload: { a: 1, pad: 'x'.repeat(3000) } })).statusCode, 200)
})

t.test('keys guard the API and not the host', async t => {
  const { app } = await host(t, { prefix: '/llm', apiKey: 'one,two' })
  t.equal((await app.inject('/llm/v1/models')).statusCode, 401)
  t.equal((await app.inject('/llm/nothing')).statusCode, 401)
  t.equal((await app.inject({ url: '/llm/v1/models', headers: { authorization: 'Bearer two' } })).statusCode, 200)
  t.equal((await app.inject('/late')).statusCode, 200)
})

t.test('two engines are served by one host under two prefixes', async t => {
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  for (const name of ['a', 'b']) await app.register(millracePlugin, { engine: new FakeEngine({ modelName: name }), prefix: `/${name}` })
  await app.ready()
  for (const name of ['a', 'b']) t.match((await app.inject(`/${name}/v1/models`)).json(), { data: [{ id: name }] })
})

t.test('options that do not exist, cannot have the value, or are for listening fail the registration by name', async t => {
  for (const [options, message] of [
    [{ bodyLimitByte: 1 }, /no option bodyLimitByte\. Did you mean bodyLimitBytes/],
    [{ pingIntervalMs: 'soon' }, /pingIntervalMs is "soon"/],
    [{ port: 80 }, /port is an option of listen/]
  ] as const) {
    const app = Fastify()
    t.teardown(async () => { await app.close() })
    await t.rejects(async () => await app.register(millracePlugin, { engine: new FakeEngine(), ...options } as never), { code: 'ERR_INVALID_OPTION', message })
  }
})

t.test('when the host closes, a stream may finish, up to the deadline, and ends with an error then', async t => {
  for (const [drainTimeoutMs, last] of [[20_000, 'DONE'], [100, { error: { code: 'ERR_DRAINING' } }]] as const) {
    const { app, engine } = await host(t, { drainTimeoutMs })
    engine.options = { answer: Array(drainTimeoutMs === 100 ? 10_000 : 20).fill('x'), tokenMs: 20 }
    const url = await app.listen({ port: 0 })
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ ...chat, stream: true })
    })
    await eventually(() => engine.running === 1, 'it runs')
    const closed = app.close()
    t.match(eventsOf(await response.text()).at(-1), last)
    await closed
    t.equal(engine.running, 0)
  }
})
