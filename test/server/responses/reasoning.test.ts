import OpenAI from 'openai'
import t, { type Test } from 'tap'
import { injectable, listening, namedEventsOf } from '../../support/http.js'
import { calling, toolEngine, type ToolModelOptions } from '../../support/tool-model.js'

const url = '/v1/responses'
const answer = '<think>\nWell, hm.\n</think>\n\nBecause.'
const weather = { type: 'function', name: 'weather' }

interface Server {
  ask: (fields?: object) => Promise<any>
  stream: (fields?: object) => Promise<Array<[string, any]>>
  readonly prompts: string[]
}

async function serverOf (t: Test, text: string, options: Partial<ToolModelOptions> = {}): Promise<Server> {
  const prompts: string[] = []
  const { engine } = toolEngine({ answer: conversation => { prompts.push(conversation); return text }, thinks: 'free', ...options })
  t.teardown(async () => { await engine.close() })
  const { app } = await injectable(t, engine)
  const send = async (fields: object): Promise<string> => (await app.inject({ method: 'POST', url, payload: { model: 'scripted', input: 'Why?', ...fields } })).body
  return { prompts, ask: async (fields = {}) => JSON.parse(await send(fields)), stream: async (fields = {}) => namedEventsOf(await send({ ...fields, stream: true })) }
}

t.test('thoughts are an item of their own before the message, with their tokens in the usage', async t => {
  const { ask } = await serverOf(t, answer)
  const { output, usage, status } = await ask()
  t.equal(status, 'completed')
  t.match(output, [
    { type: 'reasoning', id: /^rs_/, summary: [], content: [{ type: 'reasoning_text', text: 'Well, hm.' }], status: 'completed' },
    { type: 'message', id: /^msg_/, content: [{ type: 'output_text', text: 'Because.' }] }
  ])
  t.same(usage.output_tokens_details, { reasoning_tokens: '<think>\nWell, hm.\n</think>\n\n'.length })
})

t.test('streamed, the item of thoughts ends before the message begins, and all events agree with the response', async t => {
  const { ask, stream } = await serverOf(t, answer)
  const events = await stream()
  const delta = /^response\.(reasoning|output)_text\.delta$/
  t.same(events.map(([name]) => name).filter(name => !delta.test(name)), [
    'response.created', 'response.in_progress',
    'response.output_item.added', 'response.content_part.added', 'response.reasoning_text.done', 'response.content_part.done', 'response.output_item.done',
    'response.output_item.added', 'response.content_part.added', 'response.output_text.done', 'response.content_part.done', 'response.output_item.done',
    'response.completed'
  ])
  t.same(events.map(([, data]) => data.sequence_number), events.map((_, i) => i))
  const of = (name: string): any[] => events.filter(event => event[0] === name).map(event => event[1])
  const [thoughts, message] = of('response.output_item.added')
  t.match(thoughts, { output_index: 0, item: { type: 'reasoning', status: 'in_progress', summary: [], content: [] } })
  t.match(message, { output_index: 1, item: { type: 'message' } })
  t.ok(of('response.reasoning_text.delta').every(data => data.item_id === thoughts.item.id && data.output_index === 0 && data.content_index === 0))
  t.ok(of('response.output_text.delta').every(data => data.item_id === message.item.id && data.output_index === 1))
  t.equal(of('response.reasoning_text.delta').map(data => data.delta).join(''), 'Well, hm.')
  t.match(of('response.reasoning_text.done')[0], { item_id: thoughts.item.id, text: 'Well, hm.' })
  t.match(of('response.content_part.added')[0].part, { type: 'reasoning_text', text: '' })
  const { response } = of('response.completed')[0]
  t.same(response.output, of('response.output_item.done').map(({ item }) => item))
  const plain = await ask()
  const withoutIds = (items: any[]): any[] => items.map(({ id, ...item }) => item)
  t.same(withoutIds(response.output), withoutIds(plain.output), 'the plain answer has the same items')
  t.equal(response.usage.output_tokens_details.reasoning_tokens, plain.usage.output_tokens_details.reasoning_tokens)
})

t.test('an answer that is cut among its thoughts has no message; one that says nothing behind them has an empty one', async t => {
  const { ask, stream } = await serverOf(t, answer)
  const cut = await ask({ max_output_tokens: 12 })
  t.match(cut, { status: 'incomplete', output: [{ type: 'reasoning', status: 'incomplete', content: [{ text: 'Well' }] }] })
  t.equal(cut.output.length, 1)
  const last = (await stream({ max_output_tokens: 12 })).at(-1)!
  t.equal(last[0], 'response.incomplete')
  t.match(last[1].response.output, [{ type: 'reasoning', status: 'incomplete' }])
  t.equal(last[1].response.output.length, 1)
  const silent = await serverOf(t, '<think>\nhm\n</think>')
  t.match((await silent.ask()).output, [{ type: 'reasoning' }, { type: 'message', content: [{ text: '' }] }])
  t.match((await silent.stream()).at(-1)![1].response.output, [{ type: 'reasoning' }, { type: 'message', content: [{ text: '' }] }])
})

t.test('thoughts that come back stand with the message or the call behind them; without one they are gone', async t => {
  const { ask, prompts } = await serverOf(t, `<think>\nI ask.\n</think>\n\n${calling('weather', { a: 1 })}`)
  const first = await ask({ tools: [weather] })
  t.same(first.output.map((item: any) => item.type), ['reasoning', 'function_call'])
  const result = { type: 'function_call_output', call_id: first.output[1].call_id, output: 'rain' }
  const expected = `<user>Why?<end><assistant><think>\nI ask.\n</think>\n\n${calling('weather', { a: 1 })}<end><tool>rain<end><assistant>`
  await ask({ tools: [weather], previous_response_id: first.id, input: [result] })
  t.equal(prompts.at(-1), expected, 'out of the store')
  await ask({ tools: [weather], input: [{ role: 'user', content: 'Why?' }, ...first.output, result] })
  t.equal(prompts.at(-1), expected, 'sent back as they were')
  const thought = { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'In short' }], content: [{ type: 'reasoning_text', text: 'hm' }] }
  await ask({ input: [{ role: 'user', content: 'A' }, thought, { role: 'assistant', content: 'B' }, thought, { role: 'user', content: 'C' }, { ...thought, content: null }] })
  t.equal(prompts.at(-1), '<user>A<end><assistant><think>\nhm\n</think>\n\nB<end><user>C<end><assistant>')
  const { error } = await ask({ input: [{ ...thought, content: [{ type: 'input_image' }] }] })
  t.equal(error.param, 'input[0].content[0]')
})

t.test('reasoning.effort reaches the template as that of chats does', async t => {
  const variables: any[] = []
  const { ask } = await serverOf(t, 'Yes.', {
    extra: {
      chatTemplate: {
        render: async input => { variables.push(input.variables); return { text: '<user>Why?<end><assistant>', guard: undefined } },
        source: () => '</think>',
        close: async () => {}
      }
    }
  })
  t.match(await ask({ reasoning: { effort: 'none', summary: 'auto' } }), { reasoning: { effort: 'none', summary: null } })
  await ask({ reasoning: { effort: 'high' }, chat_template_kwargs: { reasoning_effort: 'low' } })
  await ask({ reasoning: { effort: null } })
  t.same(variables, [{ reasoning_effort: 'none', enable_thinking: false }, { reasoning_effort: 'low' }, {}])
  t.equal((await ask({ reasoning: { effort: 'much' } })).error.param, 'reasoning.effort')
})

t.test('times are in a response that asks for them, plain and streamed', async t => {
  const { ask, stream } = await serverOf(t, answer)
  t.notMatch(await ask(), { timings: {} })
  const { timings } = await ask({ include_timings: true })
  t.ok(timings.e2e_ms > 0 && timings.ttft_ms > 0)
  const events = await stream({ include_timings: true })
  t.same(events.filter(([, data]) => data.response?.timings !== undefined).map(([name]) => name), ['response.completed'])
})

t.test('the client\'s own accumulation of a stream has the thoughts', async t => {
  const { engine } = toolEngine({ answer: () => answer, thinks: 'free' })
  t.teardown(async () => { await engine.close() })
  const { url: baseUrl } = await listening(t, engine)
  const client = new OpenAI({ baseURL: `${baseUrl}/v1`, apiKey: 'none', maxRetries: 0 })
  const response = await client.responses.stream({ model: 'scripted', input: 'Why?' }).finalResponse()
  t.equal(response.output_text, 'Because.')
  t.match(response.output[0], { type: 'reasoning', content: [{ type: 'reasoning_text', text: 'Well, hm.' }] })
})
