import Fastify, { LogController, type FastifyInstance } from 'fastify'
import { Writable } from 'node:stream'
import t, { type Test } from 'tap'
import { millracePlugin, type MillracePluginOptions } from '../../src/server/index.js'
import { FakeEngine } from '../support/fake-engine.js'
import { eventually } from '../support/http.js'

const chat = { model: 'fake', messages: [{ role: 'user', content: 'secret words' }] }
const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
const headers = { traceparent: `00-${trace}-00f067aa0ba902b7-01` }

/** The API in a server whose log is kept. */
async function logged (t: Test, options: Partial<MillracePluginOptions> = {}): Promise<{ app: FastifyInstance, engine: FakeEngine, lines: () => any[] }> {
  let text = ''
  const engine = new FakeEngine({ answer: ['secret', ' answer'] })
  const stream = new Writable({ write (chunk, _, done) { text += String(chunk); done() } })
  const app = Fastify({ logger: { level: 'info', stream }, logController: new LogController({ disableRequestLogging: true }) })
  t.teardown(async () => { await app.close() })
  await app.register(millracePlugin, { engine, ...options })
  await app.ready()
  return { app, engine, lines: () => text.split('\n').filter(line => line !== '').map(line => JSON.parse(line) as object) }
}

t.test('a request\'s line has its id, its trace, what it asked of whom and what came, and no text of it', async t => {
  const { app, lines } = await logged(t)
  const url = await app.listen({ port: 0 })
  for (const [i, stream] of [false, true].entries()) {
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify({ ...chat, stream })
    })
    await response.text()
    const requests = (): any[] => lines().filter(({ msg }) => msg === 'request')
    await eventually(() => requests().length === i + 1, 'logged')
    t.match(requests()[i], {
      reqId: response.headers.get('x-request-id'), trace_id: trace, span_id: '00f067aa0ba902b7', trace_flags: '01',
      method: 'POST', route: '/v1/chat/completions', status: 200, complete: true,
      model: 'fake', promptTokens: 2, completionTokens: 2, cachedTokens: 0, queueMs: 0, ttftMs: 0, finishReasons: ['stop']
    })
  }
  t.notMatch(JSON.stringify(lines()), 'secret')
})

t.test('prompts and answers are logged where that is asked for, and only there', async t => {
  const { app, lines } = await logged(t, { logPrompts: true })
  await app.inject({ method: 'POST', url: '/v1/chat/completions', payload: chat })
  t.match(lines().at(-1), { prompt: chat.messages, answers: ['secret answer'] })
  await app.inject({ method: 'POST', url: '/v1/completions', payload: { model: 'fake', prompt: 'abc' } })
  t.match(lines().at(-1), { prompt: 'abc', answers: ['secret answer'] })
  await app.inject('/v1/models')
  t.equal(lines().at(-1).prompt, undefined)
})

t.test('a failure\'s line has the trace too, and neither it nor the refusal\'s line has the prompt', async t => {
  const { app, engine, lines } = await logged(t)
  engine.options = { failure: new Error('broken') }
  t.equal((await app.inject({ method: 'POST', url: '/v1/chat/completions', headers, payload: chat })).statusCode, 500)
  t.match(lines().find(({ msg }) => msg === 'a request failed'), { level: 50, trace_id: trace, err: { message: 'broken' } })
  engine.options = { failure: new Error('broken'), failAt: 1 }
  await app.inject({ method: 'POST', url: '/v1/chat/completions', headers, payload: { ...chat, stream: true } })
  t.match(lines().find(({ msg }) => msg === 'a stream failed'), { trace_id: trace })
  await app.inject({ method: 'POST', url: '/v1/chat/completions', payload: { ...chat, temperature: 9 } })
  t.match(lines().at(-1), { status: 400 })
  t.notMatch(JSON.stringify(lines()), 'secret words')
})
