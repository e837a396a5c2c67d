import { expectRefusal, messageOf, okBody } from '../lib/answers.js'
import type { Checks } from '../lib/run.js'
import type { Target } from '../lib/target.js'
import { expect, fail, notApplicable, show } from '../lib/verdict.js'
import { tryJson } from '../lib/http.js'

const cities = ['Oslo', 'Rome']

/** Every answer is finite: no number and no free text. */
export const boundedSchema = {
  type: 'object',
  properties: { city: { type: 'string', enum: cities }, isWarm: { type: 'boolean' } },
  required: ['city', 'isWarm'],
  additionalProperties: false
}

export function fitsBoundedSchema (value: any): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 2 && cities.includes(value.city) && typeof value.isWarm === 'boolean'
}

export function tool (name: string, parameters: object = boundedSchema): object {
  return { type: 'function', function: { name, description: 'Tells the weather of a city.', parameters } }
}

export const askWeather = { messages: [{ role: 'user', content: 'Use the tool: what is the weather in Oslo?' }], max_tokens: 200 }
export const mustCall = { ...askWeather, tools: [tool('weather')], tool_choice: 'required' }

/** The calls of a plain answer that must have some. */
export async function requiredCalls (target: Target, fields: object = {}): Promise<any[]> {
  const { choices: [choice] } = await target.chatOk({ ...mustCall, ...fields }, 'tool_choice required')
  const calls: unknown = choice.message?.tool_calls
  if (!Array.isArray(calls) || calls.length === 0) fail(`tool_choice required gave no call, but ${show(choice.message)}`)
  return calls
}

function jsonSchema (schema: object, name = 'answer'): object {
  return { response_format: { type: 'json_schema', json_schema: { name, schema, strict: true } }, max_tokens: 200 }
}

/** Fields that constrain an answer: formats and tools. */
export const constrained: Checks = {
  43: async target => {
    await target.chatOk({ response_format: { type: 'text' } }, 'response_format text')
    const object = await target.chatOk({ response_format: { type: 'json_object' }, max_tokens: 200, messages: [{ role: 'user', content: 'Answer with a JSON object.' }] }, 'response_format json_object')
    const [choice] = object.choices
    expect(choice.finish_reason === 'length' || typeof tryJson(choice.message.content) === 'object', `json_object gave ${show(choice.message.content)}`)
    await target.chatOk(jsonSchema(boundedSchema, 'a-name_1'), 'response_format json_schema')
    for (const name of ['x'.repeat(65), 'no blanks', '']) expectRefusal(await target.chat(jsonSchema(boundedSchema, name)), `a schema named ${show(JSON.stringify(name))}`)
    expectRefusal(await target.chat({ response_format: { type: 'poem' } }), 'response_format poem')
  },
  44: async target => {
    for (const seed of [1, 2, 3]) {
      const { choices: [choice] } = await target.chatOk({ ...jsonSchema(boundedSchema), temperature: 1, seed }, 'response_format json_schema')
      const { content } = choice.message
      expect(fitsBoundedSchema(tryJson(content)), `the answer does not fit the schema: ${show(content)} (${choice.finish_reason})`)
    }
  },
  45: async target => {
    await target.chatOk(jsonSchema(boundedSchema), 'a schema that can be done')
    const impossible = await target.chat(jsonSchema({ type: 'object', properties: { a: { type: 'no-such-type' } }, required: ['a'] }))
    expectRefusal(impossible, 'a schema of an unknown type')
    expect(/type/.test(messageOf(impossible)), `the error does not name the keyword: ${messageOf(impossible)}`)
    // Its states double with each of the last fifteen characters.
    const exploding = jsonSchema({ type: 'object', properties: { a: { type: 'string', pattern: '^(a|b)*a(a|b){15,4000}(a|b){4000}$' } }, required: ['a'] })
    const { status, ms } = await target.chat({ ...exploding, max_tokens: 1 }, { timeoutMs: 20_000 })
    expect(status === 200 || status === 400, `a schema whose pattern explodes got ${status}`)
    expect(ms < 15_000, `a schema whose pattern explodes took ${(ms / 1000).toFixed(0)} s`)
  },
  46: async target => {
    await target.chatOk({ ...askWeather, tools: [tool('weather')] }, 'a request with a tool')
    for (const name of ['x'.repeat(65), 'no blanks']) expectRefusal(await target.chat({ ...askWeather, tools: [tool(name)] }), `a tool named ${name}`)
    expectRefusal(await target.chat({ ...askWeather, tools: Array.from({ length: 129 }, (_, i) => tool(`tool${i}`)) }), '129 tools')
    const { status } = await target.chat({ tools: [] })
    expect(status === 200 || status === 400, `an empty list of tools got ${status}`)
  },
  47: async target => {
    const tools = [tool('weather'), tool('climate')]
    const allowed = { type: 'allowed_tools', allowed_tools: { mode: 'auto', tools: [{ type: 'function', function: { name: 'weather' } }] } }
    const named = { type: 'function', function: { name: 'climate' } }
    for (const choice of ['none', 'auto', 'required', named, allowed]) {
      const body = await target.chatOk({ ...askWeather, tools, tool_choice: choice }, `tool_choice ${show(choice)}`)
      const names = (body.choices[0].message.tool_calls ?? []).map((call: any) => call.function?.name)
      if (choice === 'none') expect(names.length === 0, `tool_choice none gave a call of ${show(names)}`)
      if (choice === named) expect(names.length > 0 && names.every((name: string) => name === 'climate'), `a choice of climate gave calls of ${show(names)}`)
    }
    expectRefusal(await target.chat({ ...askWeather, tools, tool_choice: 'sometimes' }), 'tool_choice sometimes')
  },
  48: async target => {
    const unknown = await target.chat({ ...askWeather, tools: [tool('weather')], tool_choice: { type: 'function', function: { name: 'missing' } } })
    expectRefusal(unknown, 'a choice of a tool that is not there', { param: /^tool_choice/ })
    expectRefusal(await target.chat({ ...askWeather, tool_choice: 'required' }), 'tool_choice without tools', { param: /^tool_choice/ })
  },
  49: async target => {
    for (const seed of [1, 2, 3]) {
      for (const call of await requiredCalls(target, { seed, temperature: 1 })) {
        expect(call.function?.name === 'weather', `a call is of ${show(call.function?.name)}`)
        expect(fitsBoundedSchema(tryJson(call.function.arguments)), `arguments do not fit: ${show(call.function.arguments)}`)
      }
    }
  },
  50: async target => {
    const both = { messages: [{ role: 'user', content: 'Use the tool twice: the weather in Oslo, and the weather in Rome.' }], parallel_tool_calls: false }
    const calls = await requiredCalls(target, both)
    expect(calls.length === 1, `parallel_tool_calls false gave ${calls.length} calls`)
  },
  51: async target => {
    const { function: functionOf } = tool('weather') as any
    const answer = await target.chat({ ...askWeather, functions: [functionOf], function_call: { name: 'weather' } })
    if (answer.status === 400) {
      expectRefusal(answer, 'functions', { param: /^function/ })
      return
    }
    const [choice] = okBody(answer, 'functions').choices
    const call = choice.message.function_call ?? choice.message.tool_calls?.[0]?.function
    expect(call?.name === 'weather', `functions are accepted and ignored: ${show(choice.message)}`)
  },
  60: async target => {
    const { choices: [choice] } = await target.chatOk(mustCall, 'tool_choice required')
    const { content, tool_calls: calls } = choice.message
    expect(content === null || typeof content === 'string', `content is ${show(content)}`)
    expect(Array.isArray(calls) && calls.length > 0, `there are no tool_calls, but ${show(choice.message)}`)
    for (const call of calls) {
      const { id, type, function: { name, arguments: args } } = call
      expect([id, name, args].every(value => typeof value === 'string') && type === 'function', `a call is ${show(call)}`)
    }
    expect(choice.finish_reason === 'tool_calls', `finish_reason is ${show(choice.finish_reason)}`)
  },
  61: async target => {
    const ids: string[] = []
    for (const seed of [1, 2]) {
      for (const call of await requiredCalls(target, { seed })) {
        ids.push(call.id)
        expect(tryJson(call.function.arguments) !== undefined, `arguments do not parse: ${show(call.function.arguments)}`)
      }
    }
    expect(new Set(ids).size === ids.length, `ids repeat: ${show(ids)}`)
    const [none] = await requiredCalls(target, { tools: [tool('now', { type: 'object', properties: {}, additionalProperties: false })] })
    expect(/^\{\s*\}$/.test(none.function.arguments), `a call without arguments has ${show(none.function.arguments)}`)
  },
  64: async target => {
    const { choices: [choice], usage } = await target.chatOk({ max_tokens: 60 })
    const reasoning: unknown = choice.message.reasoning_content ?? choice.message.reasoning
    if (typeof reasoning !== 'string' || reasoning === '') notApplicable('the model does not reason')
    expect(usage.completion_tokens_details?.reasoning_tokens > 0, `the answer reasons, and its usage is ${show(usage)}`)
    const { events } = await target.chatStream({ max_tokens: 60, stream_options: { include_usage: true } })
    const last = events.findLast(event => event.json?.usage != null)?.json.usage
    expect(last?.completion_tokens_details?.reasoning_tokens > 0, `the stream reasons, and its usage is ${show(last)}`)
  }
}
