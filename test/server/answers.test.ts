import t from 'tap'
import { Check } from 'typebox/schema'
import { FakeEngine } from '../support/fake-engine.js'
import { eventsOf, injectable } from '../support/http.js'

t.test('answers and events are what the document says, in every form that requests ask for', async t => {
  const engine = new FakeEngine()
  const { app } = await injectable(t, engine)
  const { paths } = (await app.inject('/openapi.json')).json()
  const schemaOf = (method: string, path: string, type: string): any => paths[path][method].responses[200].content[type].schema
  const must = (path: string, method: string, type: string, value: unknown): void => {
    if (!Check(schemaOf(method, path, type), value)) t.fail(`${path}: ${JSON.stringify(value).slice(0, 600)}`)
  }
  const chat = { messages: [{ role: 'user', content: 'hi' }] }
  const tools = [{ type: 'function', function: { name: 'f' } }]
  const requests: ReadonlyArray<readonly [path: string, body: object]> = [
    ['/v1/chat/completions', chat], ['/v1/chat/completions', { ...chat, n: 2, logprobs: true, top_logprobs: 3, include_timings: true, max_tokens: 2 }],
    ['/v1/chat/completions', { ...chat, tools }], ['/v1/completions', { prompt: 'a' }], ['/v1/completions', { prompt: ['a', 'b'], n: 2, include_timings: true, max_tokens: 1 }],
    ['/v1/responses', { input: 'a' }], ['/v1/responses', { input: 'a', include: ['message.output_text.logprobs'], top_logprobs: 2, max_output_tokens: 1, metadata: { a: 'b' } }],
    ['/v1/completions', { prompt: 'a b', logprobs: 2 }], ['/v1/completions', { prompt: 'a b', echo: true }]
  ]
  for (const toolCalls of [undefined, [{ id: 'c', name: 'f', arguments: { a: 1 }, argumentsText: '{"a":1}' }]]) {
    engine.options = toolCalls === undefined ? {} : { toolCalls }
    for (const [path, body] of requests) {
      const plain = await app.inject({ method: 'POST', url: path, payload: { model: 'fake', ...body } })
      t.equal(plain.statusCode, 200, plain.body.slice(0, 300))
      must(path, 'post', 'application/json', plain.json())
      for (const options of [{}, { stream_options: { include_usage: true, include_obfuscation: true } }]) {
        const { body: text } = await app.inject({ method: 'POST', url: path, payload: { model: 'fake', ...body, stream: true, ...options } })
        // Those of responses have names.
        const events = eventsOf(text.replaceAll(/^event: .*\n/gm, '')).filter(one => one !== 'DONE')
        t.ok(events.length > 1)
        for (const event of events) must(path, 'post', 'text/event-stream', event)
      }
    }
  }
  for (const [path, body] of [['/v1/embeddings', { input: ['a', 'b'] }], ['/v1/embeddings', { input: 'a', encoding_format: 'base64' }], ['/tokenize', { prompt: 'ab', return_token_strs: true }], ['/tokenize', { prompt: 'ab' }], ['/detokenize', { tokens: [1] }]] as const) {
    must(path, 'post', 'application/json', (await app.inject({ method: 'POST', url: path, payload: { model: 'fake', ...body } })).json())
  }
  for (const path of ['/v1/models', '/health', '/version', '/api/version']) must(path, 'get', 'application/json', (await app.inject(path)).json())
  must('/v1/models/{id}', 'get', 'application/json', (await app.inject('/v1/models/fake')).json())
  t.notOk(Check(schemaOf('get', '/version', 'application/json'), { version: 1 }), 'the check can fail')
  t.notOk(Check(schemaOf('post', '/v1/completions', 'application/json'), { object: 'text_completion' }), 'the check can fail')
})
