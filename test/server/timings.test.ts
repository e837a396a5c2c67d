import t from 'tap'
import { FakeEngine } from '../support/fake-engine.js'
import { eventsOf, injectable } from '../support/http.js'
import { loadTinyEngine } from '../support/tiny-engine.js'

const chat = { url: '/v1/chat/completions', payload: { model: 'fake', messages: [{ role: 'user', content: 'x' }] } }
const completions = { url: '/v1/completions', payload: { model: 'fake', prompt: ['a', 'b'] } }
const names = ['queue_ms', 'prefill_ms', 'decode_ms', 'preempted_ms', 'tool_ms', 'ttft_ms', 'e2e_ms', 'preemptions']

t.test('times are in an answer that asks for them, whole or streamed, and in no other', async t => {
  const { app } = await injectable(t, new FakeEngine())
  for (const { url, payload } of [chat, completions]) {
    const post = async (extra: object): Promise<string> => (await app.inject({ method: 'POST', url, payload: { ...payload, ...extra } })).payload
    t.notMatch(await post({}), 'timings')
    t.notMatch(await post({ include_timings: false, stream: true }), 'timings')
    t.same(Object.keys(JSON.parse(await post({ include_timings: true })).timings), names)
    const streamed = eventsOf(await post({ include_timings: true, stream: true }))
    t.equal(streamed.at(-1), 'DONE')
    t.same([streamed.at(-2).choices, Object.keys(streamed.at(-2).timings), streamed.at(-2).usage], [[], names, undefined])
    const both = eventsOf(await post({ include_timings: true, stream: true, stream_options: { include_usage: true } }))
    t.match(both.at(-2), { choices: [], usage: { total_tokens: Number }, timings: { e2e_ms: Number } })
    t.equal(both.filter(event => event.timings !== undefined).length, 1)
  }
  const wrong = await app.inject({ method: 'POST', url: chat.url, payload: { ...chat.payload, include_timings: 'yes' } })
  t.match(wrong.json(), { error: { param: 'include_timings' } })
  t.equal((await app.inject({ method: 'POST', ...chat, payload: { ...chat.payload, include_timings: true } })).headers['x-millrace-ignored-fields'], undefined)
})

t.test('the parts of a real request\'s time sum to the whole', async t => {
  const engine = await loadTinyEngine()
  t.teardown(async () => { await engine.close() })
  const { app } = await injectable(t, engine)
  const { timings } = (await app.inject({
    method: 'POST', url: '/v1/completions', payload: { model: engine.modelName, prompt: [1, 2, 3], max_tokens: 20, ignore_eos: true, include_timings: true }
  })).json()
  const parts = ['queue_ms', 'prefill_ms', 'decode_ms', 'preempted_ms', 'tool_ms'].reduce((sum, name) => sum + Number(timings[name]), 0)
  t.ok(Math.abs(parts - timings.e2e_ms) < 0.01, JSON.stringify(timings))
  t.ok(timings.ttft_ms > 0 && timings.ttft_ms < timings.e2e_ms)
})
