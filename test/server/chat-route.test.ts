import t from 'tap'
import { FakeEngine } from '../support/fake-engine.js'
import { eventsOf, injectable } from '../support/http.js'

const url = '/v1/chat/completions'
const messages = [{ role: 'user', content: 'Say hello' }]

t.test('a plain answer has every field that clients read', async t => {
  const { app } = await injectable(t, new FakeEngine())
  const response = await app.inject({ method: 'POST', url, payload: { model: 'fake', messages } })
  t.equal(response.statusCode, 200)
  const body = response.json()
  t.match(body.id, /^chatcmpl-[0-9a-f]{32}$/)
  t.ok(Math.abs(body.created - Date.now() / 1000) < 60, 'created is in seconds')
  t.match(body, {
    object: 'chat.completion',
    model: 'fake',
    choices: [{ index: 0, message: { role: 'assistant', content: 'Hello there!', refusal: null }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 2, completion_tokens: 3, total_tokens: 5, prompt_tokens_details: { cached_tokens: 0 } }
  })
  t.equal(body.choices[0].logprobs, null)
})

t.test('a stream begins with the role, ends with the reason and [DONE], and its text is the plain answer', async t => {
  const { app } = await injectable(t, new FakeEngine())
  const response = await app.inject({ method: 'POST', url, payload: { model: 'fake', messages, stream: true } })
  t.equal(response.statusCode, 200)
  t.match(response.headers, { 'content-type': /^text\/event-stream/, 'cache-control': 'no-cache', 'x-accel-buffering': 'no', 'x-request-id': /./ })
  const events = eventsOf(response.body)
  t.equal(events.pop(), 'DONE')
  t.same(events[0].choices[0].delta, { role: 'assistant', content: '' })
  t.equal(new Set(events.map(event => `${event.id} ${event.created} ${event.model} ${event.object}`)).size, 1)
  t.equal(events[0].object, 'chat.completion.chunk')
  const last = events.at(-1)
  t.same(last.choices[0].delta, {})
  t.equal(last.choices[0].finish_reason, 'stop')
  t.ok(events.slice(0, -1).every(event => event.choices[0].finish_reason === null), 'null, and not missing, before')
  t.equal(events.map(event => event.choices[0].delta.content ?? '').join(''), 'Hello there!')
  t.ok(events.every(event => event.choices.length === 1 && !('usage' in event)), 'no usage unless asked for')
})

t.test('include_usage puts null into every chunk and one chunk with the totals before [DONE]', async t => {
  const { app } = await injectable(t, new FakeEngine())
  const response = await app.inject({ method: 'POST', url, payload: { model: 'fake', messages, stream: true, stream_options: { include_usage: true } } })
  const events = eventsOf(response.body)
  t.equal(events.pop(), 'DONE')
  const totals = events.pop()
  t.same(totals.choices, [])
  t.match(totals.usage, { prompt_tokens: 2, completion_tokens: 3, total_tokens: 5 })
  t.ok(events.every(event => event.usage === null))
})

t.test('each of n choices has its index, its role once and its end once', async t => {
  const { app } = await injectable(t, new FakeEngine())
  const plain = (await app.inject({ method: 'POST', url, payload: { model: 'fake', messages, n: 3 } })).json()
  t.same(plain.choices.map((choice: any) => choice.index), [0, 1, 2])
  t.equal(plain.usage.completion_tokens, 9)
  t.equal(plain.usage.prompt_tokens, 2, 'the prompt counts once')
  const { body } = await app.inject({ method: 'POST', url, payload: { model: 'fake', messages, n: 3, stream: true } })
  const choices = eventsOf(body).filter(event => event !== 'DONE').map(event => event.choices[0])
  for (const index of [0, 1, 2]) {
    const own = choices.filter(choice => choice.index === index)
    t.equal(own.filter(choice => choice.delta.role !== undefined).length, 1)
    t.equal(own.filter(choice => choice.finish_reason !== null).length, 1)
    t.equal(own.map(choice => choice.delta.content ?? '').join(''), 'Hello there!')
  }
})

t.test('logprobs cover exactly the tokens of the text, plain and streamed', async t => {
  const { app } = await injectable(t, new FakeEngine())
  const payload = { model: 'fake', messages, logprobs: true, top_logprobs: 2 }
  const plain = (await app.inject({ method: 'POST', url, payload })).json()
  const { content, refusal } = plain.choices[0].logprobs
  t.equal(refusal, null)
  t.same(content.map((entry: any) => entry.token), ['Hello', ' there', '!'])
  t.same(content[0], {
    token: 'Hello',
    logprob: -0.5,
    bytes: [...Buffer.from('Hello')],
    top_logprobs: [
      { token: 'Hello', logprob: -0.5, bytes: [...Buffer.from('Hello')] },
      { token: 'other1', logprob: -1, bytes: [...Buffer.from('other1')] }
    ]
  })
  const { body } = await app.inject({ method: 'POST', url, payload: { ...payload, stream: true } })
  for (const event of eventsOf(body)) {
    if (event === 'DONE' || event.choices[0].delta.content === undefined || event.choices[0].delta.role !== undefined) continue
    t.equal(event.choices[0].logprobs.content.map((entry: any) => entry.token).join(''), event.choices[0].delta.content)
  }
  const bare = (await app.inject({ method: 'POST', url, payload: { model: 'fake', messages, logprobs: true } })).json()
  t.same(bare.choices[0].logprobs.content[0].top_logprobs, [], 'a list, also when empty')
})

t.test('every sampling field reaches the engine, and missing ones are left to it', async t => {
  const engine = new FakeEngine()
  const { app } = await injectable(t, engine)
  await app.inject({
    method: 'POST',
    url,
    payload: {
      model: 'fake', messages, temperature: 0.5, top_p: 0.9, top_k: 40, min_p: 0.05, repetition_penalty: 1.1,
      frequency_penalty: -1, presence_penalty: 1, n: 2, seed: 7, stop: ['a', 'b'], stop_token_ids: [3], ignore_eos: true,
      min_tokens: 2, max_tokens: 9, max_completion_tokens: 5, logit_bias: { 5: -100 }, logprobs: true, top_logprobs: 1,
      priority: -2, slo: { ttft_ms: 500, tpot_ms: 50, deadline_ms: 9000 }, session_id: 's1', reading_tokens_per_sec: 7.5,
      cache_salt: 'tenant', chat_template_kwargs: { enable_thinking: false }, user: 'u', metadata: { a: 'b' }, store: false
    }
  })
  t.match(engine.chats[0], {
    messages, temperature: 0.5, topP: 0.9, topK: 40, minP: 0.05, repetitionPenalty: 1.1, frequencyPenalty: -1, presencePenalty: 1,
    n: 2, seed: 7n, stop: ['a', 'b'], stopTokenIds: [3], ignoreEos: true, minTokens: 2, maxTokens: 5, logitBias: { 5: -100 },
    priority: -2, slo: { ttftMs: 500, tpotMs: 50, deadlineMs: 9000 }, sessionId: 's1', readingTokensPerSec: 7.5,
    logprobs: true, topLogprobs: 1, cacheSalt: 'tenant', templateVariables: { enable_thinking: false }
  }, 'max_completion_tokens goes before max_tokens')
  await app.inject({ method: 'POST', url, payload: { model: 'fake', messages, temperature: null, stop: null, max_tokens: 4, top_k: -1 } })
  const { temperature, stop, topK, maxTokens } = engine.chats[1]!
  t.same({ temperature, stop, topK, maxTokens }, { temperature: undefined, stop: undefined, topK: 0, maxTokens: 4 })
  for (const [tier, priority] of [['flex', 1], ['priority', -1], ['auto', 0]]) {
    await app.inject({ method: 'POST', url, payload: { model: 'fake', messages, service_tier: tier } })
    t.equal(engine.chats.at(-1)!.priority, priority)
  }
})

t.test('a function_call of the older form arrives as a tool call, and stands in for content', async t => {
  const engine = new FakeEngine()
  const { app } = await injectable(t, engine)
  const call = { name: 'f', arguments: '{"a":1}' }
  const send = async (message: object) => await app.inject({ method: 'POST', url, payload: { model: 'fake', messages: [...messages, message] } })
  t.equal((await send({ role: 'assistant', content: null, function_call: call })).statusCode, 200)
  t.same(engine.chats[0]!.messages[1], { role: 'assistant', content: null, tool_calls: [{ id: 'call_f', type: 'function', function: { name: 'f', arguments: { a: 1 } } }] })
  t.equal((await send({ role: 'assistant', content: 'x', function_call: null })).statusCode, 200)
  t.same(engine.chats[1]!.messages[1], { role: 'assistant', content: 'x' })
  for (const [message, param] of [
    [{ role: 'user', content: 'x', function_call: call }, 'messages[1].function_call'],
    [{ role: 'assistant', function_call: { name: 'f' } }, 'messages[1].function_call.arguments']
  ] as const) {
    const response = await send(message)
    t.equal(response.statusCode, 400)
    t.equal(response.json().error.param, param)
  }
})

t.test('messages of all roles and forms arrive as texts', async t => {
  const engine = new FakeEngine()
  const { app } = await injectable(t, engine)
  const calls = [{ id: 'call_1', type: 'function', function: { name: 'f', arguments: '{}' } }]
  const response = await app.inject({
    method: 'POST',
    url,
    payload: {
      model: 'fake',
      messages: [
        { role: 'system', content: 's' },
        { role: 'developer', content: [{ type: 'text', text: 'one' }, { type: 'text', text: 'two' }] },
        { role: 'user', content: 'u', name: 'ann' },
        { role: 'assistant', content: null, tool_calls: calls },
        { role: 'tool', content: '4', tool_call_id: 'call_1' },
        { role: 'function', content: '5', name: 'f' },
        { role: 'assistant', content: 'a', tool_calls: null }
      ]
    }
  })
  t.equal(response.statusCode, 200)
  t.same(engine.chats[0]!.messages, [
    { role: 'system', content: 's' },
    { role: 'developer', content: 'one\ntwo' },
    { role: 'user', content: 'u', name: 'ann' },
    { role: 'assistant', content: null, tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'f', arguments: {} } }] },
    { role: 'tool', content: '4', tool_call_id: 'call_1' },
    { role: 'function', content: '5', name: 'f' },
    { role: 'assistant', content: 'a' }
  ])
})

t.test('include_obfuscation pads every chunk to a multiple of 32 characters', async t => {
  const { app } = await injectable(t, new FakeEngine())
  const { body } = await app.inject({ method: 'POST', url, payload: { model: 'fake', messages, stream: true, stream_options: { include_obfuscation: true } } })
  const events = body.split('\n\n').filter(event => event.includes('"choices"'))
  t.ok(events.length > 3)
  t.equal(new Set(events.map(event => event.length % 32)).size, 1)
  t.equal(eventsOf(body).filter(event => event !== 'DONE').map(event => event.choices[0].delta.content ?? '').join(''), 'Hello there!')
})

t.test('reasoning_effort is the template\'s to look at, and none switches thoughts off unless the request says otherwise', async t => {
  const engine = new FakeEngine()
  const { app } = await injectable(t, engine)
  const variables = async (fields: object): Promise<unknown> => {
    const { statusCode } = await app.inject({ method: 'POST', url, payload: { model: 'fake', messages, ...fields } })
    return statusCode === 200 ? engine.chats.at(-1)!.templateVariables : statusCode
  }
  t.same(await variables({ reasoning_effort: 'low' }), { reasoning_effort: 'low' })
  t.same(await variables({ reasoning_effort: 'none' }), { reasoning_effort: 'none', enable_thinking: false })
  t.same(await variables({ reasoning_effort: 'none', chat_template_kwargs: { enable_thinking: true } }), { reasoning_effort: 'none', enable_thinking: true })
  t.equal(await variables({ reasoning_effort: 'much' }), 400)
})
