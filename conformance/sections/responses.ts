import { okBody } from '../lib/answers.js'
import type { ServerEvent } from '../lib/events.js'
import { tryJson } from '../lib/http.js'
import type { Checks } from '../lib/run.js'
import type { Stream, Target } from '../lib/target.js'
import { expect, notApplicable, show } from '../lib/verdict.js'
import { boundedSchema, fitsBoundedSchema } from './constrained.js'

const path = '/v1/responses'
const weather = { type: 'function', name: 'weather', description: 'Tells the weather of a city.', parameters: boundedSchema, strict: true }
const mustCall = { input: 'Use the tool: what is the weather in Oslo?', tools: [weather], tool_choice: 'required', max_output_tokens: 200 }
const statuses = ['completed', 'failed', 'in_progress', 'cancelled', 'queued', 'incomplete']

export const responses: Checks = {
  107: async target => {
    await respond(target, { input: [{ role: 'user', content: [{ type: 'input_text', text: 'Hello' }] }] }, 'input as items')
    const fields: object[] = [
      { instructions: 'Be brief.' }, { max_output_tokens: 16 }, { temperature: 0.5 }, { top_p: 0.9 }, { tools: [weather], tool_choice: 'auto', parallel_tool_calls: true },
      { reasoning: { effort: 'low' } }, { store: false }, { metadata: { a: 'b' } }, { truncation: 'disabled' }
    ]
    for (const field of fields) await respond(target, field, show(field))
    const text = { format: { type: 'json_schema', name: 'answer', schema: boundedSchema, strict: true } }
    const body = await respond(target, { text, max_output_tokens: 200 }, 'text.format json_schema')
    expect(fitsBoundedSchema(tryJson(textOf(body))), `the answer does not fit the schema: ${show(textOf(body))}`)
  },
  108: async target => {
    const body = await respond(target, { max_output_tokens: 16 }, 'a request')
    expect(body.object === 'response' && /^resp_./.test(String(body.id)), `object and id are ${show([body.object, body.id])}`)
    expect(statuses.includes(body.status), `status is ${show(body.status)}`)
    expect(Array.isArray(body.output) && body.output.some((item: any) => item.type === 'message'), `output is ${show(body.output)}`)
    const { input_tokens: input, output_tokens: output, total_tokens: total, input_tokens_details: inDetails, output_tokens_details: outDetails } = body.usage ?? {}
    expect(input + output === total, `usage is ${show(body.usage)}`)
    expect(Number.isInteger(inDetails?.cached_tokens) && Number.isInteger(outDetails?.reasoning_tokens), `usage is ${show(body.usage)}`)
    expect(body.error === null, `error is ${show(body.error)}`)
    const isCut = body.status === 'incomplete'
    expect(isCut ? body.incomplete_details?.reason === 'max_output_tokens' : body.incomplete_details === null, `incomplete_details of ${body.status} are ${show(body.incomplete_details)}`)
  },
  109: async target => {
    const { events } = await streamed(target)
    const types = events.map(event => event.json?.type)
    for (const event of events) expect(event.name === event.json?.type, `an event named ${show(event.name)} has the type ${show(event.json?.type)}`)
    const parts = ['output_text.delta', 'output_text.done', 'content_part.done', 'output_item.done']
    const order = ['created', 'in_progress', 'output_item.added', 'content_part.added', ...parts].map(name => types.indexOf(`response.${name}`))
    expect(order.every((at, i) => at >= 0 && (i === 0 || at > order[i - 1]!)), `the events come as ${show([...new Set(types)])}`)
    expect(['response.completed', 'response.incomplete'].includes(types.at(-1)), `the last event is ${show(types.at(-1))}`)
  },
  110: async target => {
    const { events } = await streamed(target)
    const numbers = events.map(event => event.json?.sequence_number)
    expect(numbers.length > 0 && numbers.every((number, i) => number === i), `the sequence numbers are ${show(numbers)}`)
    const added = jsonOf(events, 'response.output_item.added')
    for (const delta of events.filter(event => event.json?.type === 'response.output_text.delta')) {
      const { item_id: id, output_index: output, content_index: content } = delta.json
      expect(id === added?.item?.id && output === added.output_index && content === 0, `a delta belongs to ${show([id, output, content])}, the item is ${show([added?.item?.id, added?.output_index, 0])}`)
    }
    const joined = events.filter(event => event.json?.type === 'response.output_text.delta').map(event => event.json.delta).join('')
    expect(joined === jsonOf(events, 'response.output_text.done')?.text, 'the joined deltas are not the text at the end')
  },
  111: async target => {
    const call = (await respond(target, mustCall, 'tool_choice required')).output.find((item: any) => item.type === 'function_call')
    expect(typeof call?.call_id === 'string' && call.call_id !== call.id, `the call is ${show(call)}`)
    expect(call.name === 'weather' && fitsBoundedSchema(tryJson(call.arguments)), `the call is ${show(call)}`)
    const { events } = await streamed(target, mustCall)
    const joined = events.filter(event => event.json?.type === 'response.function_call_arguments.delta').map(event => event.json.delta).join('')
    const done = jsonOf(events, 'response.function_call_arguments.done')
    expect(joined !== '' && joined === done?.arguments, `the joined deltas are ${show(joined)}, the arguments ${show(done?.arguments)}`)
    const input = [{ role: 'user', content: mustCall.input }, call, { type: 'function_call_output', call_id: call.call_id, output: 'rain' }]
    await respond(target, { ...mustCall, tool_choice: 'none', input }, 'the output of a call')
  },
  112: async target => {
    const body = await respond(target, { reasoning: { effort: 'low', summary: 'auto' } }, 'a request with reasoning')
    const { events } = await streamed(target, { reasoning: { effort: 'low', summary: 'auto' } })
    const reasons = events.filter(event => /^response\.reasoning_(?:summary_)?text\./.test(String(event.json?.type)))
    if (!body.output.some((item: any) => item.type === 'reasoning') && reasons.length === 0) notApplicable('the model does not reason')
    expect(reasons.some(event => event.json.type.endsWith('.delta')) && reasons.some(event => event.json.type.endsWith('.done')), `events of reasoning are ${show(reasons.map(event => event.json.type))}`)
  },
  113: async target => {
    const { id } = await respond(target, { store: false }, 'store: false')
    const unknown = await target.send(path, { body: bodyOf(target, { previous_response_id: 'resp_unknown' }) })
    expect(unknown.status === 400 || unknown.status === 404, `an unknown previous_response_id got ${unknown.status}`)
    const routes = [['GET', `/${id}`], ['DELETE', `/${id}`], ['POST', `/${id}/cancel`], ['GET', `/${id}/input_items`]] as const
    for (const [method, rest] of routes) {
      const { status, json } = await target.send(path + rest, { method })
      expect([200, 400, 404, 501].includes(status) && json !== undefined, `${method} ${path}/{id}${rest.slice(id.length + 1)} got ${status}`)
    }
  },
  114: async target => {
    const { raw, events, isCut } = await streamed(target)
    expect(!isCut, 'the connection broke at the end of the stream')
    const last = events.filter(event => event.data !== '[DONE]').at(-1)?.json?.type
    expect(['response.completed', 'response.incomplete', 'response.failed'].includes(last), `the stream ends with ${show(raw.toString('utf8').slice(-80))}`)
  }
}

function bodyOf (target: Target, fields: object): object {
  return { model: target.model, input: 'Tell me a story about a mill.', temperature: 0, max_output_tokens: 16, ...fields }
}

async function respond (target: Target, fields: object, what: string): Promise<any> {
  return okBody(await target.send(path, { body: bodyOf(target, fields) }), what)
}

async function streamed (target: Target, fields: object = {}): Promise<Stream> {
  return await target.once(`responses ${JSON.stringify(fields)}`, async () => await target.stream(path, bodyOf(target, fields)))
}

function jsonOf (events: readonly ServerEvent[], type: string): any {
  return events.find(event => event.json?.type === type)?.json
}

function textOf (body: any): string {
  return body.output.filter((item: any) => item.type === 'message').flatMap((item: any) => item.content).map((part: any) => part.text ?? '').join('')
}
