import t from 'tap'
import { InvalidParameterError, StepFailedError } from '../../src/core/errors.js'
import { FakeEngine } from '../support/fake-engine.js'
import { eventsOf, injectable } from '../support/http.js'

const chat = '/v1/chat/completions'
const good = { model: 'fake', messages: [{ role: 'user', content: 'hi' }] }

/** Holds every error answer to OpenAI's form. */
function checkError (t: any, response: any, status: number, expected: object): void {
  t.equal(response.statusCode, status, response.body.slice(0, 200))
  const body = response.json()
  t.same(Object.keys(body), ['error'])
  t.same(Object.keys(body.error).sort(), ['code', 'message', 'param', 'type'])
  t.type(body.error.message, 'string')
  t.ok(body.error.code === null || typeof body.error.code === 'string')
  t.notMatch(body.error.message, /\n\s+at |node_modules|\.ts\b/, 'no stack and no path')
  t.match(response.headers['content-type'], /^application\/json/)
  t.match(response.headers['x-request-id'], /./)
  t.match(body.error, expected)
}

t.test('what is not a request for us gets an error object with the right status', async t => {
  const { app } = await injectable(t, new FakeEngine(), { bodyLimitBytes: 2000 })
  const json = { 'content-type': 'application/json' }
  checkError(t, await app.inject('/nowhere'), 404, { code: 'ERR_ROUTE_NOT_FOUND', type: 'invalid_request_error' })
  const wrongMethod = await app.inject({ method: 'GET', url: chat })
  checkError(t, wrongMethod, 405, { code: 'ERR_METHOD_NOT_ALLOWED' })
  t.equal(wrongMethod.headers.allow, 'POST')
  checkError(t, await app.inject({ method: 'DELETE', url: '/v1/models/fake' }), 405, { code: 'ERR_METHOD_NOT_ALLOWED' })
  checkError(t, await app.inject({ method: 'POST', url: chat, headers: json, payload: '{"model": ' }), 400, { code: 'ERR_MALFORMED_REQUEST' })
  checkError(t, await app.inject({ method: 'POST', url: chat, headers: json, payload: '' }), 400, { code: 'ERR_MALFORMED_REQUEST' })
  checkError(t, await app.inject({ method: 'POST', url: chat, headers: json, payload: Buffer.from([0x22, 0xc3, 0x22]) }), 400, { code: 'ERR_MALFORMED_REQUEST', message: /UTF-8/ })
  checkError(t, await app.inject({ method: 'POST', url: chat, headers: json, payload: '{"__proto__": {"a": 1}}' }), 400, {})
  checkError(t, await app.inject({ method: 'POST', url: chat, headers: json, payload: '[1]' }), 400, { param: null, message: /^The body must be an object/ })
  checkError(t, await app.inject({ method: 'POST', url: chat, headers: { 'content-type': 'text/plain' }, payload: 'hi' }), 415, { code: 'ERR_MEDIA_TYPE' })
  checkError(t, await app.inject({ method: 'POST', url: chat, headers: { ...json, 'content-encoding': 'gzip' }, payload: 'x' }), 415, { code: 'ERR_MEDIA_TYPE' })
  checkError(t, await app.inject({ method: 'POST', url: chat, payload: { ...good, user: 'x'.repeat(3000) } }), 413, { code: 'ERR_BODY_TOO_LARGE' })
  checkError(t, await app.inject('/v1/models/%ZZ'), 400, { code: 'ERR_MALFORMED_REQUEST' })
  checkError(t, await app.inject('/v1/models/other'), 404, { code: 'model_not_found', message: /"other"/ })
  checkError(t, await app.inject({ method: 'POST', url: chat, payload: { ...good, model: 'other' } }), 404,
    { code: 'model_not_found', param: 'model', message: /"other".*fake/ })
})

t.test('a wrong field is named by its JSON path, with what it may be', async t => {
  const { app } = await injectable(t, new FakeEngine())
  const called = { id: 'c1', type: 'function', function: { name: 'f', arguments: '{}' } }
  const tool = { type: 'function', function: { name: 'f' } }
  const answer = (id: string): object => ({ role: 'tool', content: 'x', tool_call_id: id })
  const asks = (...calls: object[]): object => ({ role: 'assistant', content: null, tool_calls: calls })
  const cases: Array<[object, string, RegExp]> = [
    [{ model: undefined }, 'model', /is required/],
    [{ messages: undefined }, 'messages', /is required/],
    [{ messages: [] }, 'messages', /at least 1 item/],
    [{ messages: Array(10_001).fill({ role: 'user', content: 'x' }) }, 'messages', /at most 10000 items/],
    [{ messages: 'hi' }, 'messages', /must be an array/],
    [{ messages: [{ content: 'x' }] }, 'messages[0].role', /is required/],
    [{ messages: [{ role: 'robot', content: 'x' }] }, 'messages[0].role', /one of system, .*"robot"/],
    [{ messages: [{ role: 'user', content: 3 }] }, 'messages[0].content', /a text, a list of text parts, or null/],
    [{ messages: [{ role: 'user', content: null }] }, 'messages[0].content', /is required/],
    [{ messages: [{ role: 'user' }] }, 'messages[0].content', /is required/],
    [{ messages: [{ role: 'user', content: [{ type: 'text' }] }] }, 'messages[0].content[0].text', /is required/],
    [{ messages: [{ role: 'user', content: [{ type: 'text', text: 4 }] }] }, 'messages[0].content[0].text', /must be a string/],
    [{ messages: [{ role: 'tool', content: 'x' }] }, 'messages[0].tool_call_id', /is required/],
    [{ messages: [{ role: 'user', content: 'x', tool_calls: [called] }] }, 'messages[0].tool_calls', /Only an assistant/],
    [{ messages: [{ role: 'user', content: 'x' }, answer('c1')] }, 'messages[1].tool_call_id', /no message before it has tool_calls/],
    [{ messages: [asks(called), answer('c1'), answer('c2')] }, 'messages[2].tool_call_id', /is "c2", which no message before it calls.*"c1"/],
    [{ messages: [answer('c1'), asks(called)] }, 'messages[0].tool_call_id', /no message before/],
    [{ messages: [asks({ ...called, id: undefined })] }, 'messages[0].tool_calls[0].id', /is required/],
    [{ messages: [asks({ ...called, function: { name: 'f' } })] }, 'messages[0].tool_calls[0].function.arguments', /is required/],
    [{ messages: [asks({ ...called, function: { name: 'f', arguments: {} } })] }, 'messages[0].tool_calls[0].function.arguments', /must be a string/],
    [{ tools: 'f' }, 'tools', /must be an array/],
    [{ tools: [{ type: 'custom', custom: { name: 'f' } }] }, 'tools[0].function', /is required/],
    [{ tools: [{ ...tool, type: 'custom' }] }, 'tools[0].type', /one of function. It is "custom"/],
    [{ tools: [{ type: 'function' }] }, 'tools[0].function', /is required/],
    [{ tools: [{ type: 'function', function: {} }] }, 'tools[0].function.name', /is required/],
    [{ tools: [{ type: 'function', function: { name: 'no blanks' } }] }, 'tools[0].function.name', /a-zA-Z0-9_-.*"no blanks"/],
    [{ tools: [{ type: 'function', function: { name: 'x'.repeat(65) } }] }, 'tools[0].function.name', /1,64/],
    [{ tools: [{ type: 'function', function: { name: 'f', parameters: 'none' } }] }, 'tools[0].function.parameters', /a JSON schema of an object/],
    [{ tools: [{ type: 'function', function: { name: 'f', description: 'x'.repeat(2 ** 20) } }] }, 'tools', /1048\d\d\d characters/],
    [{ tools: Array(129).fill(tool) }, 'tools', /at most 128 items/],
    [{ tools: [tool], tool_choice: 'sometimes' }, 'tool_choice', /"none", "auto", "required"/],
    [{ tools: [tool], tool_choice: { type: 'function', function: { name: 'g' } } }, 'tool_choice.function.name', /names g, which is not among tools: f/],
    [{ tools: [tool], tool_choice: { type: 'allowed_tools', allowed_tools: { mode: 'auto', tools: [tool, { type: 'function', function: { name: 'g' } }] } } },
      'tool_choice.allowed_tools.tools[1].function.name', /names g/],
    [{ tool_choice: 'required' }, 'tool_choice', /needs tools/],
    [{ tools: [], tool_choice: 'auto' }, 'tool_choice', /needs tools/],
    [{ parallel_tool_calls: 'no' }, 'parallel_tool_calls', /a boolean/],
    [{ temperature: 'hot' }, 'temperature', /must be a number. It is "hot"/],
    [{ temperature: -1 }, 'temperature', /at least 0. It is -1/],
    [{ temperature: 2.1 }, 'temperature', /at most 2/],
    [{ top_p: 1.1 }, 'top_p', /at most 1/],
    [{ min_p: -0.1 }, 'min_p', /at least 0/],
    [{ repetition_penalty: 0 }, 'repetition_penalty', /at least/],
    [{ frequency_penalty: -3 }, 'frequency_penalty', /at least -2/],
    [{ presence_penalty: 3 }, 'presence_penalty', /at most 2/],
    [{ slo: { ttft_ms: 0 } }, 'slo.ttft_ms', /above 0|greater than 0|more than 0/],
    [{ slo: { ttft: 5 } }, 'slo', /ttft/],
    [{ slo: { ttft_ms: 900, deadline_ms: 300 } }, 'slo.ttft_ms', /after slo.deadline_ms/],
    [{ priority: 0.5 }, 'priority', /an integer/],
    [{ reading_tokens_per_sec: 0 }, 'reading_tokens_per_sec', /above 0|> 0|greater/],
    [{ service_tier: 'gold' }, 'service_tier', /./],
    [{ n: 0 }, 'n', /at least 1/],
    [{ n: 129 }, 'n', /at most 128/],
    [{ n: 1.5 }, 'n', /an integer/],
    [{ n: 2 ** 53 + 2 }, 'n', /at most/],
    [{ max_tokens: 0 }, 'max_tokens', /at least 1/],
    [{ max_completion_tokens: -5 }, 'max_completion_tokens', /at least 1/],
    [{ max_completion_tokens: 1.5 }, 'max_completion_tokens', /an integer/],
    [{ stop: '' }, 'stop', /each of 1 to 1024 characters/],
    [{ stop: ['a', ''] }, 'stop[1]', /must not be empty/],
    [{ stop: Array(17).fill('x') }, 'stop', /16/],
    [{ logit_bias: { a: 1 } }, 'logit_bias', /"a"/],
    [{ logit_bias: { 1: 101 } }, 'logit_bias.1', /at most 100/],
    [{ logit_bias: Object.fromEntries(Array.from({ length: 4097 }, (_, id) => [id, 1])) }, 'logit_bias', /at most 4096 keys/],
    [{ top_logprobs: 2 }, 'top_logprobs', /needs "logprobs"/],
    [{ logprobs: true, top_logprobs: 21 }, 'top_logprobs', /at most 20/],
    [{ stream: 'yes' }, 'stream', /a boolean/],
    [{ stream_options: { include_usage: true } }, 'stream_options', /needs "stream"/],
    [{ stop_token_ids: [-1] }, 'stop_token_ids[0]', /at least 0/],
    [{ seed: 'a' }, 'seed', /an integer/]
  ]
  for (const [fields, param, message] of cases) {
    checkError(t, await app.inject({ method: 'POST', url: chat, payload: { ...good, ...fields } }), 400,
      { param, message, code: 'ERR_INVALID_PARAMETER', type: 'invalid_request_error' })
  }
  for (const value of ['1e999', '-1e999']) {
    const payload = `{"model":"fake","messages":[{"role":"user","content":"x"}],"temperature":${value}}`
    checkError(t, await app.inject({ method: 'POST', url: chat, headers: { 'content-type': 'application/json' }, payload }), 400, { param: 'temperature' })
  }
})

t.test('what this server does not do is refused by name, and never accepted and ignored', async t => {
  const { app } = await injectable(t, new FakeEngine())
  for (const fields of [
    { functions: [{}] }, { function_call: 'auto' },
    { modalities: ['text', 'audio'] }, { audio: {} }, { web_search_options: {} }, { best_of: 2 }, { chat_template: 'x' }, { echo: true },
    { structural_tag: {} },
    { use_beam_search: true }, { truncate_prompt_tokens: 5 }, { skip_special_tokens: false }, { vllm_xargs: {} }, { documents: [{}] },
    { bad_words: ['x'] }
  ]) {
    const [param] = Object.keys(fields)
    checkError(t, await app.inject({ method: 'POST', url: chat, payload: { ...good, ...fields } }), 400, { param, code: 'unsupported_parameter' })
  }
  for (const part of [{ type: 'image_url', image_url: { url: 'http://x' } }, { type: 'input_audio', input_audio: {} }, { type: 'file', file: {} }]) {
    const messages = [{ role: 'user', content: [{ type: 'text', text: 'see' }, part] }]
    checkError(t, await app.inject({ method: 'POST', url: chat, payload: { ...good, messages } }), 400, { param: 'messages[0].content[1]', message: /text only/ })
  }
})

t.test('values that ask for nothing special pass, and fields that nobody knows are named in a header', async t => {
  const { app } = await injectable(t, new FakeEngine())
  const harmless = {
    response_format: { type: 'text' }, tools: [], tool_choice: 'none', modalities: ['text'], best_of: 1, service_tier: 'auto', verbosity: 'low',
    reasoning_effort: 'low', parallel_tool_calls: true, priority: 0, prediction: {}, safety_identifier: 'x', prompt_cache_key: 'k', store: true, user: 'u'
  }
  const plain = await app.inject({ method: 'POST', url: chat, payload: { ...good, ...harmless } })
  t.equal(plain.statusCode, 200, plain.body)
  t.equal(plain.headers['x-millrace-ignored-fields'], undefined)
  const odd = await app.inject({ method: 'POST', url: chat, payload: { ...good, mirostat: 2, 'line\nbreak': 1, constructor: 1 } })
  t.equal(odd.statusCode, 200)
  t.equal(odd.headers['x-millrace-ignored-fields'], 'mirostat, line?break, constructor')
  const streamed = await app.inject({ method: 'POST', url: chat, payload: { ...good, mirostat: 2, stream: true } })
  t.equal(streamed.headers['x-millrace-ignored-fields'], 'mirostat')
})

t.test('the engine\'s refusals keep their numbers, and clients are told not to repeat them', async t => {
  const { app } = await injectable(t, new FakeEngine({ maxModelLen: 4 }))
  const messages = [{ role: 'user', content: 'one two three four five' }]
  for (const stream of [false, true]) {
    const response = await app.inject({ method: 'POST', url: chat, payload: { ...good, messages, stream } })
    checkError(t, response, 400, { code: 'context_length_exceeded', message: /\b5\b.*\b4\b/ })
    t.equal(response.headers['x-should-retry'], 'false')
  }
})

t.test('a message that names two of the engine\'s options names both as the API does', async t => {
  const engine = new FakeEngine()
  const { app } = await injectable(t, engine)
  engine.options = { failure: new InvalidParameterError('minTokens', 'minTokens is 9, but maxTokens is 4.') }
  checkError(t, await app.inject({ method: 'POST', url: chat, payload: good }), 400,
    { param: 'min_tokens', message: 'min_tokens is 9, but max_tokens is 4.' })
})

t.test('a failure of ours is a 500 without its cause before the first event, and an error event after it', async t => {
  const engine = new FakeEngine()
  const { app } = await injectable(t, engine)
  engine.options = { failure: new Error('secret /etc/passwd') }
  for (const stream of [false, true]) {
    const response = await app.inject({ method: 'POST', url: chat, payload: { ...good, stream } })
    checkError(t, response, 500, { type: 'server_error', code: 'ERR_INTERNAL' })
    t.notMatch(response.body, /secret/)
  }
  engine.options = { failure: new StepFailedError('The step failed.'), failAt: 2 }
  checkError(t, await app.inject({ method: 'POST', url: chat, payload: good }), 500, { code: 'ERR_STEP_FAILED' })
  const { body } = await app.inject({ method: 'POST', url: chat, payload: { ...good, stream: true } })
  const events = eventsOf(body)
  t.match(events.at(-1), { error: { code: 'ERR_STEP_FAILED', type: 'server_error', param: null, message: 'The step failed.' } })
  t.notOk(events.includes('DONE'))
  t.notOk(events.some(event => event.choices?.[0].finish_reason != null), 'no reason that pretends success')
})

t.test('a caller\'s own request id comes back when it is fit for a header', async t => {
  const { app } = await injectable(t, new FakeEngine())
  for (const [given, comesBack] of [['my-id.1', true], ['x'.repeat(129), false], ['two words', false]] as const) {
    const response = await app.inject({ method: 'POST', url: chat, headers: { 'x-request-id': given }, payload: good })
    t.equal(response.headers['x-request-id'] === given, comesBack, given.slice(0, 20))
  }
})
