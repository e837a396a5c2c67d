import t, { type Test } from 'tap'
import { StepFailedError } from '../../../src/core/errors.js'
import { FakeEngine } from '../../support/fake-engine.js'
import { injectable, namedEventsOf } from '../../support/http.js'

const url = '/v1/responses'
const question = { model: 'fake', input: 'Say hello' }
const weather = { type: 'function', name: 'weather', description: 'Of a city.', parameters: { type: 'object', properties: { city: { type: 'string' } } }, strict: true }
const light = { type: 'function', name: 'light' }
const called = [
  { id: 'call_1', name: 'weather', arguments: { city: 'Ulm' }, argumentsText: '{"city":"Ulm"}' },
  { id: 'call_2', name: 'light', arguments: {}, argumentsText: '{}' }
]

async function respond (app: any, fields: object): Promise<any> {
  const response = await app.inject({ method: 'POST', url, payload: { ...question, ...fields } })
  return { ...response.json(), statusCode: response.statusCode, headers: response.headers }
}

async function stream (app: any, fields: object = {}): Promise<Array<[string, any]>> {
  const response = await app.inject({ method: 'POST', url, payload: { ...question, stream: true, ...fields } })
  return namedEventsOf(response.body)
}

t.test('a plain response has every field that clients read', async t => {
  const { app } = await injectable(t, new FakeEngine())
  const body = await respond(app, { metadata: { a: 'b' }, temperature: 0.5 })
  t.equal(body.statusCode, 200)
  t.match(body.id, /^resp_[0-9a-f]{32}$/)
  t.ok(Math.abs(body.created_at - Date.now() / 1000) < 60)
  t.ok(body.completed_at >= body.created_at)
  t.match(body, {
    object: 'response', status: 'completed', model: 'fake', error: null, incomplete_details: null, background: false, store: true,
    output: [{ type: 'message', role: 'assistant', status: 'completed', content: [{ type: 'output_text', text: 'Hello there!', annotations: [], logprobs: [] }] }],
    metadata: { a: 'b' }, temperature: 0.5, top_p: null, instructions: null, previous_response_id: null, tools: [], truncation: 'disabled',
    usage: { input_tokens: 2, output_tokens: 3, total_tokens: 5, input_tokens_details: { cached_tokens: 0 }, output_tokens_details: { reasoning_tokens: 0 } }
  })
  t.match(body.output[0].id, /^msg_/)
})

t.test('a stream is OpenAI\'s events in their order, numbered from 0, and ends with the plain response', async t => {
  const { app } = await injectable(t, new FakeEngine())
  const events = await stream(app)
  const delta = 'response.output_text.delta'
  t.same(events.map(([name]) => name), [
    'response.created', 'response.in_progress', 'response.output_item.added', 'response.content_part.added', delta, delta, delta,
    'response.output_text.done', 'response.content_part.done', 'response.output_item.done', 'response.completed'
  ])
  t.ok(events.every(([name, data]) => data.type === name), 'each is named by its type')
  t.same(events.map(([, data]) => data.sequence_number), events.map((_, i) => i))
  const of = (name: string): any[] => events.filter(event => event[0] === name).map(event => event[1])
  const item = of('response.output_item.added')[0].item
  t.match(item, { type: 'message', role: 'assistant', status: 'in_progress', content: [] })
  for (const data of [...of(delta), ...of('response.output_text.done'), ...of('response.content_part.done')]) {
    t.match(data, { item_id: item.id, output_index: 0, content_index: 0 })
  }
  t.equal(of(delta).map(data => data.delta).join(''), 'Hello there!')
  t.equal(of('response.output_text.done')[0].text, 'Hello there!')
  const begun = of('response.created')[0].response
  t.match(begun, { status: 'in_progress', output: [], usage: null, completed_at: null })
  const final = of('response.completed')[0].response
  t.same(final.output, [of('response.output_item.done')[0].item])
  t.match(final, { id: begun.id, status: 'completed', output: [{ id: item.id, content: [{ text: 'Hello there!' }] }], usage: { total_tokens: 5 } })
  t.same((await app.inject(`${url}/${begun.id}`)).json(), final, 'the stored one')
})

t.test('an answer that is cut off is incomplete, plain and streamed', async t => {
  const { app } = await injectable(t, new FakeEngine())
  t.match(await respond(app, { max_output_tokens: 2 }), {
    status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' }, max_output_tokens: 2, output: [{ status: 'incomplete', content: [{ text: 'Hello there' }] }]
  })
  const [name, data] = (await stream(app, { max_output_tokens: 2 })).at(-1)!
  t.equal(name, 'response.incomplete')
  t.match(data.response, { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } })
})

t.test('an answer without text is a message with an empty one', async t => {
  const { app } = await injectable(t, new FakeEngine({ answer: [] }))
  const names = (await stream(app)).map(([name]) => name)
  t.notOk(names.includes('response.output_text.delta'))
  t.ok(names.includes('response.content_part.added') && names.at(-1) === 'response.completed')
  t.match(await respond(app, {}), { output: [{ content: [{ text: '' }] }] })
})

t.test('a failure in the middle of a stream is response.failed, and nothing is stored', async t => {
  const { app } = await injectable(t, new FakeEngine({ failure: new StepFailedError('The step failed.'), failAt: 1 }))
  const events = await stream(app)
  const [name, data] = events.at(-1)!
  t.equal(name, 'response.failed')
  t.match(data, { sequence_number: events.length - 1, response: { status: 'failed', error: { code: 'server_error', message: 'The step failed.' } } })
  t.equal((await app.inject(`${url}/${data.response.id}`)).statusCode, 404)
})

t.test('a failure before the first token has a status of its own', async t => {
  const engine = new FakeEngine({ maxModelLen: 4 })
  const { app } = await injectable(t, engine)
  const { statusCode, error } = await respond(app, { input: 'much more than four words', stream: true })
  t.equal(statusCode, 400)
  t.equal(error.code, 'context_length_exceeded')
})

t.test('items become the messages that chat templates know', async t => {
  const engine = new FakeEngine()
  const { app } = await injectable(t, engine)
  const input = [
    { role: 'developer', content: 'Be kind' },
    { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Weather' }, { type: 'input_text', text: 'in Oslo?' }] },
    { type: 'reasoning', id: 'rs_1', summary: [] },
    { type: 'message', id: 'msg_1', status: 'completed', role: 'assistant', content: [{ type: 'output_text', text: 'Let me see', annotations: [] }] },
    { type: 'function_call', id: 'fc_1', call_id: 'call_1', name: 'weather', arguments: '{"city":"Oslo"}', status: 'completed' },
    { type: 'function_call', call_id: 'call_2', name: 'time', arguments: '{}' },
    { type: 'function_call_output', call_id: 'call_2', output: [{ type: 'input_text', text: 'noon' }] },
    { type: 'function_call_output', call_id: 'call_1', output: 'rain' },
    { role: 'assistant', content: [{ type: 'refusal', refusal: 'No' }] }
  ]
  t.equal((await respond(app, { input, instructions: 'Be brief' })).statusCode, 200)
  t.same(engine.chats.at(-1)!.messages, [
    { role: 'system', content: 'Be brief' },
    { role: 'developer', content: 'Be kind' },
    { role: 'user', content: 'Weather\nin Oslo?' },
    {
      role: 'assistant',
      content: 'Let me see',
      tool_calls: [
        { id: 'call_1', type: 'function', function: { name: 'weather', arguments: { city: 'Oslo' } } },
        { id: 'call_2', type: 'function', function: { name: 'time', arguments: {} } }
      ]
    },
    { role: 'tool', content: 'noon', tool_call_id: 'call_2' },
    { role: 'tool', content: 'rain', tool_call_id: 'call_1' },
    { role: 'assistant', content: 'No' }
  ])
})

t.test('previous_response_id goes on with the conversation, without its instructions', async t => {
  const engine = new FakeEngine()
  const { app } = await injectable(t, engine)
  const first = await respond(app, { input: 'One', instructions: 'First' })
  const second = await respond(app, { input: 'Two', previous_response_id: first.id, instructions: 'Second' })
  t.equal(second.previous_response_id, first.id)
  const events = await stream(app, { input: [{ role: 'user', content: 'Three' }], previous_response_id: second.id })
  t.same(engine.chats.at(-1)!.messages.map(({ role, content }) => `${role}: ${content}`), [
    'user: One', 'assistant: Hello there!', 'user: Two', 'assistant: Hello there!', 'user: Three'
  ])
  await respond(app, { previous_response_id: events.at(-1)![1].response.id })
  t.equal(engine.chats.at(-1)!.messages.length, 7, 'a streamed one is stored too')
  await respond(app, { previous_response_id: first.id, input: 'Otherwise' })
  t.same(engine.chats.at(-1)!.messages.map(({ content }) => content), ['One', 'Hello there!', 'Otherwise'], 'one can go on in two ways')
})

async function unknown (t: Test, app: any, fields: object): Promise<void> {
  const { statusCode, error } = await respond(app, fields)
  t.equal(statusCode, 404)
  t.match(error, { code: 'ERR_RESPONSE_UNKNOWN', param: 'previous_response_id' })
}

t.test('store: false stores nothing, and what is not stored cannot be gone on from', async t => {
  const engine = new FakeEngine()
  const { app } = await injectable(t, engine)
  const body = await respond(app, { store: false })
  t.equal(body.store, false)
  t.equal((await app.inject(`${url}/${body.id}`)).statusCode, 404)
  await unknown(t, app, { previous_response_id: body.id })
  await unknown(t, app, { previous_response_id: 'resp_unknown' })
  t.equal(engine.chats.length, 1, 'nothing was generated')
})

t.test('the store is as large as the options say', async t => {
  const { app } = await injectable(t, new FakeEngine(), { responseStoreEntries: 2, responseStoreBytes: 20_000 })
  const ids: string[] = []
  for (let i = 0; i < 3; i++) ids.push((await respond(app, {})).id)
  t.same(await Promise.all(ids.map(async id => (await app.inject(`${url}/${id}`)).statusCode)), [404, 200, 200])
  const large = await respond(app, { input: 'x'.repeat(10_000) })
  t.equal((await app.inject(`${url}/${large.id}`)).statusCode, 404)
})

t.test('a response of one key is unknown to another', async t => {
  const { app } = await injectable(t, new FakeEngine(), { apiKeys: ['one', 'two'] })
  const send = async (key: string, method: 'GET' | 'POST' | 'DELETE', path: string, payload?: object): Promise<any> =>
    await app.inject({ method, url: path, headers: { authorization: `Bearer ${key}` }, ...payload === undefined ? {} : { payload } })
  const { id } = (await send('one', 'POST', url, question)).json()
  t.equal((await send('two', 'GET', `${url}/${id}`)).statusCode, 404)
  t.equal((await send('two', 'DELETE', `${url}/${id}`)).statusCode, 404)
  t.equal((await send('two', 'POST', url, { ...question, previous_response_id: id })).statusCode, 404)
  t.equal((await send('one', 'GET', `${url}/${id}`)).statusCode, 200)
})

t.test('log-probabilities come when include asks for them', async t => {
  const { app } = await injectable(t, new FakeEngine())
  const include = ['message.output_text.logprobs']
  const { output } = await respond(app, { include, top_logprobs: 2 })
  const { logprobs } = output[0].content[0]
  t.same(logprobs.map(({ token }: any) => token), ['Hello', ' there', '!'])
  t.equal(logprobs[0].top_logprobs.length, 2)
  const events = await stream(app, { include, top_logprobs: 2 })
  t.same(events.filter(([name]) => name === 'response.output_text.delta').flatMap(([, data]) => data.logprobs), logprobs)
})

t.test('what is wrong is named by its path, and nothing is generated', async t => {
  const engine = new FakeEngine()
  const { app } = await injectable(t, engine)
  const cases: Array<[object, string, RegExp]> = [
    [{ input: undefined }, 'input', /is required/],
    [{ model: undefined }, 'model', /is required/],
    [{ input: [] }, 'input', /a list of 1 to 10000 items/],
    [{ input: 3 }, 'input', /a text, or a list/],
    [{ input: [{ content: 'x' }] }, 'input[0].role', /is required/],
    [{ input: [{ role: 'robot', content: 'x' }] }, 'input[0].role', /one of user, .*"robot"/],
    [{ input: [{ role: 'user' }] }, 'input[0].content', /is required/],
    [{ input: [{ role: 'user', content: [{ type: 'input_text' }] }] }, 'input[0].content[0].text', /is required/],
    [{ input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'http://x' }] }] }, 'input[0].content[0]', /"input_image"; this model takes text only/],
    [{ input: [{ type: 'computer_call' }] }, 'input[0]', /"computer_call"/],
    [{ input: [{ type: 'item_reference', id: 'msg_1' }] }, 'input[0]', /previous_response_id/],
    [{ input: [{ type: 'function_call', call_id: 'a', name: 'f' }] }, 'input[0].arguments', /is required/],
    [{ input: [{ type: 'function_call_output', call_id: 'a', output: 'x' }] }, 'input[0].call_id', /no function_call before it/],
    [{ input: [{ type: 'function_call', call_id: 'a', name: 'f', arguments: '{}' }, { type: 'function_call_output', call_id: 'a' }] }, 'input[1].output', /is required/],
    [{ max_output_tokens: 0 }, 'max_output_tokens', /at least 1/],
    [{ temperature: 3 }, 'temperature', /at most 2/],
    [{ top_logprobs: 21 }, 'top_logprobs', /at most 20/],
    [{ top_logprobs: 2 }, 'top_logprobs', /needs "include"/],
    [{ metadata: { a: 3 } }, 'metadata.a', /must be a string/],
    [{ metadata: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, 'v'])) }, 'metadata', /at most 16/],
    [{ metadata: { a: 'x'.repeat(513) } }, 'metadata.a', /at most 512/],
    [{ metadata: { ['x'.repeat(65)]: 'v' } }, 'metadata', /not allowed/],
    [{ truncation: 'auto' }, 'truncation', /never cut/],
    [{ include: ['file_search_call.results'] }, 'include', /file_search_call/],
    [{ background: true }, 'background', /not supported/],
    [{ conversation: 'conv_1' }, 'conversation', /previous_response_id/],
    [{ n: 2 }, 'n', /one answer/],
    [{ tools: [{ type: 'web_search' }] }, 'tools[0]', /"web_search"; functions/],
    [{ tools: [{ type: 'function' }] }, 'tools[0].name', /is required/],
    [{ tools: [{ type: 'function', name: 'a b' }] }, 'tools[0].name', /./],
    [{ tools: [weather], tool_choice: { type: 'function', name: 'light' } }, 'tool_choice.name', /not among tools: weather/],
    [{ tools: [weather], tool_choice: { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'function', name: 'light' }] } }, 'tool_choice.tools[0].name', /light/],
    [{ tool_choice: 'required' }, 'tool_choice', /needs tools/],
    [{ max_tool_calls: 1 }, 'max_tool_calls', /not supported/],
    [{ stream_options: {} }, 'stream_options', /needs "stream"/]
  ]
  for (const [fields, param, message] of cases) {
    const { statusCode, error } = await respond(app, fields)
    t.equal(statusCode, 400, JSON.stringify(fields).slice(0, 80))
    t.equal(error.param, param)
    t.match(error.message, message)
  }
  t.equal(engine.chats.length, 0)
})

t.test('hints pass, null is not given, and unknown fields are named in the header', async t => {
  const engine = new FakeEngine()
  const { app } = await injectable(t, engine)
  const { statusCode, headers } = await respond(app, {
    reasoning: { effort: 'low', summary: 'auto' }, parallel_tool_calls: true, tools: [], tool_choice: 'auto', text: { format: { type: 'text' }, verbosity: 'low' },
    truncation: 'disabled', background: false, include: ['reasoning.encrypted_content'], previous_response_id: null, prompt_cache_key: 'k', service_tier: 'auto',
    safety_identifier: 'u', user: 'u', conversation: null, no_such_field: 1
  })
  t.equal(statusCode, 200)
  t.equal(headers['x-millrace-ignored-fields'], 'no_such_field')
  t.match(engine.chats[0], { signal: AbortSignal })
})

t.test('obfuscated pieces of text have like sizes', async t => {
  const { app } = await injectable(t, new FakeEngine({ answer: ['a', ' much longer piece'] }))
  const events = await stream(app, { stream_options: { include_obfuscation: true } })
  const deltas = events.filter(([name]) => name === 'response.output_text.delta').map(([, data]) => data)
  t.ok(deltas.every(data => typeof data.obfuscation === 'string'))
})

t.test('calls are items behind the text, with arguments as JSON and ids of their own', async t => {
  const engine = new FakeEngine({ answer: ['Let me', ' see.'], toolCalls: called })
  const { app } = await injectable(t, engine)
  const body = await respond(app, { tools: [weather, light], tool_choice: 'auto', parallel_tool_calls: false })
  t.match(body, { status: 'completed', tools: [weather, light], tool_choice: 'auto', parallel_tool_calls: false })
  t.match(body.output, [
    { type: 'message', content: [{ text: 'Let me see.' }] },
    { type: 'function_call', id: /^fc_/, call_id: 'call_1', name: 'weather', arguments: '{"city":"Ulm"}', status: 'completed' },
    { type: 'function_call', id: /^fc_/, call_id: 'call_2', name: 'light', arguments: '{}' }
  ])
  t.equal(new Set(body.output.map((item: any) => item.id)).size, 3)
  t.match(engine.chats[0], {
    tools: [{ type: 'function', function: { name: 'weather', description: 'Of a city.' } }, { type: 'function', function: { name: 'light' } }], parallelToolCalls: false
  })
  engine.options = { answer: [], toolCalls: called }
  t.same((await respond(app, { tools: [weather, light] })).output.map((item: any) => item.type), ['function_call', 'function_call'], 'no message without text')
  await respond(app, { tools: [weather], tool_choice: 'none' })
  t.equal(engine.chats.at(-1)!.tools, undefined)
  await respond(app, { tools: [weather, light], tool_choice: { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'function', name: 'light' }] } })
  t.same(engine.chats.at(-1)!.allowedTools, ['light'])
  t.equal((await respond(app, { tools: [], tool_choice: 'auto' })).statusCode, 200)
})

t.test('streamed calls come after the message\'s end', async t => {
  const { app } = await injectable(t, new FakeEngine({ answer: ['Well.'], toolCalls: called }))
  const events = await stream(app, { tools: [weather, light] })
  const call = ['output_item.added', 'function_call_arguments.delta', 'function_call_arguments.done', 'output_item.done']
  t.same(events.map(([name]) => name.replace('response.', '')), [
    'created', 'in_progress', 'output_item.added', 'content_part.added', 'output_text.delta', 'output_text.done', 'content_part.done', 'output_item.done',
    ...call, ...call, 'completed'
  ])
  t.same(events.map(([, data]) => data.sequence_number), events.map((_, i) => i))
  const [added, delta, done, ended] = events.slice(8, 12).map(([, data]) => data)
  t.match(added, { output_index: 1, item: { type: 'function_call', call_id: 'call_1', name: 'weather', arguments: '', status: 'in_progress' } })
  t.match(delta, { item_id: added.item.id, output_index: 1, delta: '{"city":"Ulm"}' })
  t.match(done, { item_id: added.item.id, output_index: 1, name: 'weather', arguments: '{"city":"Ulm"}' })
  t.match(ended, { output_index: 1, item: { id: added.item.id, arguments: '{"city":"Ulm"}', status: 'completed' } })
  t.same(events.at(-1)![1].response.output.slice(1), [events[11]![1].item, events[15]![1].item])
})

t.test('a result of a call goes on from the response that has the call', async t => {
  const engine = new FakeEngine({ answer: [], toolCalls: called.slice(0, 1) })
  const { app } = await injectable(t, engine)
  const first = await respond(app, { tools: [weather] })
  engine.options = {}
  const input = [{ type: 'function_call_output', call_id: 'call_1', output: 'rain' }]
  t.equal((await respond(app, { tools: [weather], previous_response_id: first.id, input })).statusCode, 200)
  t.same(engine.chats.at(-1)!.messages.slice(1), [
    { role: 'assistant', content: null, tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'weather', arguments: { city: 'Ulm' } } }] },
    { role: 'tool', content: 'rain', tool_call_id: 'call_1' }
  ])
  const { statusCode, error } = await respond(app, { input })
  t.equal(statusCode, 400)
  t.equal(error.param, 'input[0].call_id', 'without the call there is nothing to answer')
})
