import t, { type Test } from 'tap'
import { FakeEngine } from '../../support/fake-engine.js'
import { injectable } from '../../support/http.js'
import { loadTinyEngine } from '../../support/tiny-engine.js'
import { calling, toolEngine } from '../../support/tool-model.js'

/** The samples of a metric, by their labels beside the model's. */
async function samplesOf (app: { inject: (path: string) => Promise<{ body: string }> }, name: string): Promise<Record<string, number>> {
  const { body } = await app.inject('/metrics')
  return Object.fromEntries(body.split('\n').filter(line => line.startsWith(`${name}{`) || line.startsWith(`${name} `)).map(line => {
    const [, labels = '', value] = /^[\w:]+(?:\{(.*)\})? (\S+)$/.exec(line)!
    return [labels.replace(/model_name="[^"]*",engine="0",?/, ''), Number(value)]
  }))
}

async function toolServer (t: Test): Promise<{ app: any, calls: () => Promise<Record<string, number>> }> {
  const { engine } = toolEngine({ answer: conversation => conversation.includes('call') ? calling('a') : 'No.' })
  t.teardown(async () => { await engine.close() })
  const { app } = await injectable(t, engine)
  return { app, calls: async () => await samplesOf(app, 'vllm:tool_call_parser_invocations_total') }
}

t.test('answers to requests with tools are counted once, by whether they call, mode and type of request', async t => {
  const { app, calls } = await toolServer(t)
  const start = await calls()
  t.equal(Object.keys(start).length, 8, 'all are there from the start')
  t.ok(Object.values(start).every(value => value === 0))
  const tools = [{ type: 'function', function: { name: 'a' } }]
  const chat = async (content: string, fields: object): Promise<void> => {
    const { statusCode } = await app.inject({ method: 'POST', url: '/v1/chat/completions', payload: { model: 'scripted', messages: [{ role: 'user', content }], ...fields } })
    t.equal(statusCode, 200)
  }
  await chat('call', { tools, n: 2 })
  await chat('say', { tools })
  await chat('call', { tools, stream: true })
  await chat('call', { tools, tool_choice: 'none' })
  await chat('say', {})
  await app.inject({ method: 'POST', url: '/v1/responses', payload: { model: 'scripted', input: 'call', tools: [{ type: 'function', name: 'a' }] } })
  const counted = Object.fromEntries(Object.entries(await calls()).filter(([, value]) => value > 0))
  t.same(counted, {
    'mode="non_streaming",outcome="tool_call",request_type="chat_completions"': 2,
    'mode="non_streaming",outcome="no_tool_call",request_type="chat_completions"': 1,
    'mode="streaming",outcome="tool_call",request_type="chat_completions"': 1,
    'mode="non_streaming",outcome="tool_call",request_type="responses"': 1
  })
})

t.test('what a key\'s rate refuses is counted by the limit', async t => {
  const { app } = await injectable(t, new FakeEngine(), { rateLimitRequests: 2 })
  const payload = { model: 'fake', messages: [{ role: 'user', content: 'x' }] }
  for (let i = 0; i < 5; i++) await app.inject({ method: 'POST', url: '/v1/chat/completions', payload })
  t.same(await samplesOf(app, 'millrace:rate_limited_requests_total'), { 'limit="requests"': 3, 'limit="tokens"': 0 })
})

t.test('constraints are counted as they are compiled and refused, and masks with their time', async t => {
  const engine = await loadTinyEngine()
  t.teardown(async () => { await engine.close() })
  const { app } = await injectable(t, engine)
  const send = async (pattern: string): Promise<number> =>
    (await app.inject({ method: 'POST', url: '/v1/completions', payload: { model: engine.modelName, prompt: [1, 2, 3], max_tokens: 4, guided_regex: pattern } })).statusCode
  t.equal(await send('[a-z]{4,9}'), 200)
  t.equal(await send('[a-z]{4,9}'), 200)
  t.equal(await send('(?<=a)b'), 400)
  t.same(await samplesOf(app, 'millrace:constraints_total'), { 'outcome="compiled"': 1, 'outcome="refused"': 1 })
  const { '': masks } = await samplesOf(app, 'millrace:constraint_masks_total')
  const { '': seconds } = await samplesOf(app, 'millrace:constraint_mask_seconds_total')
  t.ok(masks! >= 2 && masks! <= 8, `${masks} masks`)
  t.ok(seconds! > 0 && seconds! < 5, `${seconds} s`)
})
