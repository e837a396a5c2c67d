import { fileURLToPath } from 'node:url'
import OpenAI from 'openai'
import t, { type Test } from 'tap'
import type { ToolCall } from '../../src/engine/api.js'
import { Engine } from '../../src/engine/engine.js'
import { FakeEngine } from '../support/fake-engine.js'
import { eventsOf, injectable, listening } from '../support/http.js'
import { calling, toolEngine } from '../support/tool-model.js'

// It loads a model.
t.setTimeout(120_000)

const url = '/v1/chat/completions'
const question = [{ role: 'user' as const, content: 'How is the weather in Ulm, and in Bonn?' }]
const city = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
const weather = { type: 'function' as const, function: { name: 'weather', description: 'Of a city.', parameters: city } }
const light = { type: 'function' as const, function: { name: 'light' } }
const called: ToolCall[] = [
  { id: 'call_1', name: 'weather', arguments: { city: 'Ulm "an der Donau"' }, argumentsText: '{"city":"Ulm \\"an der Donau\\""}' },
  { id: 'call_2', name: 'light', arguments: {}, argumentsText: '{}' }
]

t.test('calls come as tool_calls with arguments as JSON, and content is null beside them', async t => {
  const { app } = await injectable(t, new FakeEngine({ answer: [], toolCalls: called }))
  const { choices: [choice] } = (await app.inject({ method: 'POST', url, payload: { model: 'fake', messages: question, tools: [weather, light] } })).json()
  t.same(choice, {
    index: 0,
    message: {
      role: 'assistant',
      content: null,
      refusal: null,
      tool_calls: [
        { id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Ulm \\"an der Donau\\""}' } },
        { id: 'call_2', type: 'function', function: { name: 'light', arguments: '{}' } }
      ]
    },
    logprobs: null,
    finish_reason: 'tool_calls'
  })
  const { app: talking } = await injectable(t, new FakeEngine({ answer: ['Let', ' me see.'], toolCalls: called }))
  const spoken = (await talking.inject({ method: 'POST', url, payload: { model: 'fake', messages: question, tools: [weather, light] } })).json()
  t.equal(spoken.choices[0].message.content, 'Let me see.')
})

t.test('streamed, each call has its index in every delta, and its id, type and name in the first one only', async t => {
  const { app } = await injectable(t, new FakeEngine({ answer: ['Well.'], toolCalls: called }))
  const { body } = await app.inject({ method: 'POST', url, payload: { model: 'fake', messages: question, tools: [weather, light], stream: true, n: 2 } })
  const choices = eventsOf(body).filter(event => event !== 'DONE').map(event => event.choices[0])
  for (const index of [0, 1]) {
    t.same(choices.filter(choice => choice.index === index).map(choice => choice.finish_reason ?? choice.delta), [
      { role: 'assistant', content: '' },
      { content: 'Well.' },
      { tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: { name: 'weather', arguments: '' } }] },
      { tool_calls: [{ index: 0, function: { arguments: '{"city":"Ulm \\"an der Donau\\""}' } }] },
      { tool_calls: [{ index: 1, id: 'call_2', type: 'function', function: { name: 'light', arguments: '' } }] },
      { tool_calls: [{ index: 1, function: { arguments: '{}' } }] },
      'tool_calls'
    ])
  }
})

t.test('definitions reach the engine as models know them, and with tool_choice none not at all', async t => {
  const engine = new FakeEngine()
  const { app } = await injectable(t, engine)
  const send = async (fields: object): Promise<void> => {
    t.equal((await app.inject({ method: 'POST', url, payload: { model: 'fake', messages: question, ...fields } })).statusCode, 200)
  }
  const noArguments = { type: 'object', properties: {} }
  await send({ tools: [{ function: { strict: true, parameters: city, description: 'Of a city.', name: 'weather' }, type: 'function' }, { ...light, function: { name: 'light', description: null, strict: null } }] })
  t.same(engine.chats[0]!.tools, [weather, { type: 'function', function: { name: 'light', parameters: noArguments } }])
  t.equal(JSON.stringify(engine.chats[0]!.tools![0]), JSON.stringify(weather), 'in this order')
  await send({ tools: [weather, light], parallel_tool_calls: false, tool_choice: { type: 'allowed_tools', allowed_tools: { mode: 'auto', tools: [light] } } })
  t.match(engine.chats[1]!, { tools: [weather, { function: { name: 'light' } }], allowedTools: ['light'], parallelToolCalls: false })
  await send({ tools: [weather], tool_choice: 'none' })
  t.equal(engine.chats[2]!.tools, undefined)
  await send({ tools: [], parallel_tool_calls: false, tool_choice: 'none' })
  t.equal(engine.chats[3]!.tools, undefined)
  for (const [choice, options] of [
    ['required', { toolChoice: 'required', allowedTools: undefined, parallelToolCalls: undefined }],
    [light, { toolChoice: 'required', allowedTools: ['light'], parallelToolCalls: false }],
    [{ type: 'allowed_tools', allowed_tools: { mode: 'required', tools: [light] } }, { toolChoice: 'required', allowedTools: ['light'], parallelToolCalls: undefined }]
  ] as const) {
    await send({ tools: [weather, light], tool_choice: choice })
    const { toolChoice, allowedTools, parallelToolCalls } = engine.chats.at(-1)!
    t.same({ toolChoice, allowedTools, parallelToolCalls }, options)
  }
})

t.test('arguments of earlier calls reach the template as JSON, or as the text that is none', async t => {
  const engine = new FakeEngine()
  const { app } = await injectable(t, engine)
  const texts = ['{"city": "Ulm"}', '', '{"city', '[1]']
  const toolCalls = texts.map((text, i) => ({ id: `c${i}`, type: 'function', function: { name: 'weather', arguments: text } }))
  await app.inject({ method: 'POST', url, payload: { model: 'fake', messages: [...question, { role: 'assistant', content: null, tool_calls: toolCalls }] } })
  t.same(engine.chats[0]!.messages[1]!.tool_calls!.map((call: any) => call.function.arguments), [{ city: 'Ulm' }, {}, '{"city', '[1]'])
})

t.test('with the model that ships with Millrace, a forced call is one of the tool, plain and streamed', async t => {
  const engine = await Engine.load(fileURLToPath(new URL('../../models/millrace-demo', import.meta.url)), { deterministic: true })
  t.teardown(async () => { await engine.close() })
  const { url } = await listening(t, engine)
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 })
  const cities = { ...city, properties: { city: { type: 'string', enum: ['Ulm', 'Bonn'] } } }
  const body = { model: engine.modelName, messages: question, tools: [light, { ...weather, function: { name: 'weather', parameters: cities } }], tool_choice: { type: 'function' as const, function: { name: 'weather' } }, seed: 1 }
  const { choices: [plain] } = await client.chat.completions.create(body)
  t.match(plain, { finish_reason: 'tool_calls', message: { content: null, tool_calls: [{ type: 'function', function: { name: 'weather', arguments: /^{\s*"city"\s*:\s*"(Ulm|Bonn)"\s*}$/ } }] } })
  const { choices: [streamed] } = await client.chat.completions.stream(body).finalChatCompletion()
  t.same(streamed!.message.tool_calls, plain!.message.tool_calls)
  const bad = { ...body, tools: [{ ...weather, function: { name: 'weather', parameters: { type: 'object', properties: { a: { not: {} } } } } }] }
  const error: unknown = await client.chat.completions.create(bad).then(() => 'it was taken', error => error)
  t.match(error, { status: 400, param: 'tools[0].function.parameters.properties.a.not' })
})

/** OpenAI's client of a server whose model reads the conversation as text and answers by rule. */
async function clientOf (t: Test, answer: (conversation: string) => string): Promise<{ client: OpenAI, engine: Engine }> {
  const { engine } = toolEngine({ answer })
  t.teardown(async () => { await engine.close() })
  const { url } = await listening(t, engine)
  return { client: new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 }), engine }
}

const model = 'scripted'

t.test('OpenAI\'s client runs its own tools, round by round, on streams and on plain answers', async t => {
  const { client } = await clientOf(t, conversation => {
    if (!conversation.includes('<tool>')) return `Let me see.\n${calling('weather', { city: 'Ulm' })}\n${calling('weather', { city: 'Bonn' })}`
    return conversation.includes('<tool>Ulm: 17<end><tool>Bonn: 18<end>') ? 'Bonn is warmer.' : 'No idea.'
  })
  const tools = [{ type: 'function' as const, function: { ...weather.function, function: ({ city }: { city: string }) => `${city}: ${city === 'Ulm' ? 17 : 18}`, parse: JSON.parse } }]
  for (const stream of [true, false]) {
    const body = { model, messages: question, tools, ...stream ? { stream } : {} } as any
    const runner = client.chat.completions.runTools(body)
    t.equal(await runner.finalContent(), 'Bonn is warmer.')
    t.same(runner.messages.map(message => message.role), ['user', 'assistant', 'tool', 'tool', 'assistant'])
    t.match(runner.messages[1], { content: 'Let me see.', tool_calls: [{ function: { name: 'weather', arguments: '{"city":"Ulm"}' } }, { function: { arguments: '{"city":"Bonn"}' } }] })
    const ids = (runner.messages[1] as any).tool_calls.map((call: any) => call.id)
    t.equal(new Set(ids).size, 2)
  }
})

t.test('the client\'s own accumulation of a stream is the plain answer, calls and all', async t => {
  const { client } = await clientOf(t, () => `${calling('weather', { city: 'Ulm' })}${calling('light')}`)
  const body = { model, messages: question, tools: [weather, light], seed: 5 }
  const plain = await client.chat.completions.create(body)
  t.match(plain.choices[0], { finish_reason: 'tool_calls', message: { content: null, tool_calls: [{ function: { name: 'weather' } }, { function: { name: 'light', arguments: '{}' } }] } })
  const streamed = await client.chat.completions.stream(body).finalChatCompletion()
  t.same(streamed.choices[0]!.message.tool_calls, plain.choices[0]!.message.tool_calls)
  t.equal(streamed.choices[0]!.finish_reason, 'tool_calls')
})

t.test('streamed arguments come as they are written, and together they are those of the plain answer', async t => {
  const written = '{"name": "weather", "arguments": {"city": "Ulm", "days": [1.0, 2]}}'
  const { client } = await clientOf(t, () => `Well.<tool_call>${written}</tool_call><tool_call>{"name": "light", "arguments": { }}</tool_call>`)
  const body = { model, messages: question, tools: [weather, light], seed: 5 }
  const { choices: [plain] } = await client.chat.completions.create(body)
  t.same(plain!.message.tool_calls!.map((call: any) => call.function.arguments), ['{"city": "Ulm", "days": [1.0, 2]}', '{ }'])
  const deltas: any[] = []
  for await (const { choices: [choice] } of await client.chat.completions.create({ ...body, stream: true })) deltas.push(...choice!.delta.tool_calls ?? [])
  for (const [index, call] of plain!.message.tool_calls!.entries()) {
    const [first, ...rest] = deltas.filter(delta => delta.index === index)
    t.match(first, { id: call.id, type: 'function', function: { arguments: '' } })
    t.ok(rest.length >= 3 && rest.every(delta => delta.id === undefined && delta.function.name === undefined), `${rest.length} pieces`)
    t.equal(rest.map(delta => delta.function.arguments).join(''), 'function' in call ? call.function.arguments : undefined)
  }
})

t.test('a call that the length cuts is text, and what was streamed of it never becomes one', async t => {
  const { client } = await clientOf(t, () => calling('weather', { city: 'Ulm' }))
  const text = calling('weather', { city: 'Ulm' })
  // Markup is a token, each other character another.
  const body = { model, messages: question, tools: [weather], max_tokens: 40 }
  const { choices: [plain] } = await client.chat.completions.create(body)
  const cut = text.slice(0, 39 + '<tool_call>'.length)
  t.match(plain, { finish_reason: 'length', message: { content: cut, tool_calls: undefined } })
  let content = ''
  let args = ''
  let reason: unknown
  for await (const { choices: [choice] } of await client.chat.completions.create({ ...body, stream: true })) {
    content += choice!.delta.content ?? ''
    for (const delta of choice!.delta.tool_calls ?? []) args += delta.function!.arguments!
    reason = choice!.finish_reason ?? reason
  }
  t.equal(content, cut)
  t.equal(reason, 'length')
  t.ok(args !== '' && '{"city":"Ulm"}'.startsWith(args), args)
})

t.test('a tool of the caller\'s with the name of a registered one is the caller\'s: nothing runs here', async t => {
  const { client, engine } = await clientOf(t, () => calling('weather', { city: 'Ulm' }))
  let runs = 0
  engine.registerTool({ name: 'weather', call: () => ++runs })
  const { choices: [choice] } = await client.chat.completions.create({ model, messages: question, tools: [weather] })
  t.equal(choice!.finish_reason, 'tool_calls')
  t.equal(runs, 0)
})

t.test('parallel_tool_calls false ends the answer with its first call, and the tokens behind it are not computed', async t => {
  const { client, engine } = await clientOf(t, () => `One.${calling('weather', { city: 'Ulm' })}${calling('light').repeat(20)}`)
  const body = { model, messages: question, tools: [weather, light], parallel_tool_calls: false, stop: ['Two.'] }
  const { choices: [choice], usage } = await client.chat.completions.create(body)
  t.match(choice, { finish_reason: 'tool_calls', message: { content: 'One.', tool_calls: { length: 1 } } })
  t.ok(usage!.completion_tokens < 100, `${usage!.completion_tokens} tokens`)
  const streamed = await client.chat.completions.stream(body).finalChatCompletion()
  t.equal(streamed.choices[0]!.message.content, 'One.')
  t.equal(streamed.choices[0]!.message.tool_calls!.length, 1)
  t.match(engine.stats(), { requests: 0, kv: { usedBlocks: 0 } })
})

t.test('only allowed tools are called; a call of another one is text', async t => {
  const { client } = await clientOf(t, () => `${calling('light')}${calling('weather', { city: 'Ulm' })}`)
  const choice = { type: 'allowed_tools' as const, allowed_tools: { mode: 'auto' as const, tools: [weather] } }
  const { choices: [answer] } = await client.chat.completions.create({ model, messages: question, tools: [weather, light], tool_choice: choice })
  t.same(answer!.message.tool_calls!.map((call: any) => call.function.name), ['weather'])
  t.equal(answer!.message.content, calling('light'))
})

t.test('with tool_choice none the model is not told of tools, and what looks like a call is text', async t => {
  const { client } = await clientOf(t, () => calling('weather'))
  const { choices: [choice] } = await client.chat.completions.create({ model, messages: question, tools: [weather], tool_choice: 'none' })
  t.match(choice, { finish_reason: 'stop', message: { content: calling('weather'), tool_calls: undefined } })
})
