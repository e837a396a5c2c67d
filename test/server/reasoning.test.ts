import t, { type Test } from 'tap'
import type { Engine } from '../../src/engine/engine.js'
import { eventsOf, injectable } from '../support/http.js'
import { calling, toolEngine, type ToolModelOptions } from '../support/tool-model.js'

const url = '/v1/chat/completions'
const question = [{ role: 'user', content: 'Why?' }]
const answer = '<think>\nWell, hm.\n</think>\n\nBecause.'
const tools = [{ type: 'function', function: { name: 'weather' } }]

async function serverOf (t: Test, options: ToolModelOptions): Promise<{ ask: (fields?: object) => Promise<any>, stream: (fields?: object) => Promise<any[]>, engine: Engine }> {
  const { engine } = toolEngine(options)
  t.teardown(async () => { await engine.close() })
  const { app } = await injectable(t, engine)
  const send = async (fields: object): Promise<string> => (await app.inject({ method: 'POST', url, payload: { model: 'scripted', messages: question, ...fields } })).body
  return {
    engine,
    ask: async (fields = {}) => JSON.parse(await send(fields)),
    stream: async (fields = {}) => eventsOf(await send({ ...fields, stream: true, stream_options: { include_usage: true } })).filter(event => event !== 'DONE')
  }
}

function joined (events: readonly any[], field: string): string {
  return events.map(event => event.choices[0]?.delta[field] ?? '').join('')
}

t.test('thoughts come under both names, plain and streamed, and never in the content', async t => {
  for (const thinks of ['free', 'open'] as const) {
    const { ask, stream } = await serverOf(t, { answer: () => thinks === 'open' ? answer.slice('<think>\n'.length) : answer, thinks })
    const { choices: [choice], usage } = await ask()
    t.match(choice, { finish_reason: 'stop', message: { content: 'Because.', reasoning_content: 'Well, hm.', reasoning: 'Well, hm.' } })
    const thoughtTokens = (thinks === 'open' ? 0 : '<think>\n'.length) + 'Well, hm.\n</think>\n\n'.length
    t.same(usage.completion_tokens_details, { reasoning_tokens: thoughtTokens }, 'with the markup')
    t.equal(usage.completion_tokens, thoughtTokens + 'Because.'.length + 1)
    const events = await stream()
    t.equal(joined(events, 'content'), 'Because.')
    t.equal(joined(events, 'reasoning_content'), 'Well, hm.')
    t.equal(joined(events, 'reasoning'), 'Well, hm.')
    t.notOk(events.some(({ choices: [choice] }) => choice?.delta.content && choice.delta.reasoning), 'each in deltas of its own')
    t.same(events.at(-1).usage, { ...usage, prompt_tokens_details: events.at(-1).usage.prompt_tokens_details })
  }
})

t.test('include_reasoning false leaves thoughts out, and counts them', async t => {
  const { ask, stream } = await serverOf(t, { answer: () => answer, thinks: 'free' })
  const { choices: [{ message }], usage } = await ask({ include_reasoning: false })
  t.same(message, { role: 'assistant', content: 'Because.', refusal: null })
  t.ok(usage.completion_tokens_details.reasoning_tokens > 0)
  const events = await stream({ include_reasoning: false })
  t.notOk(events.some(({ choices: [choice] }) => choice !== undefined && 'reasoning' in choice.delta))
  t.equal(joined(events, 'content'), 'Because.')
})

t.test('a model that does not show thoughts has its answer as it is, and no count', async t => {
  const { ask } = await serverOf(t, { answer: () => answer })
  const { choices: [{ message }], usage } = await ask()
  t.equal(message.content, answer)
  t.equal(usage.completion_tokens_details, undefined)
})

t.test('stop strings are looked for in the content only; max_tokens counts thoughts and may end among them', async t => {
  const { ask } = await serverOf(t, { answer: () => answer, thinks: 'free' })
  t.match((await ask({ stop: ['hm', '</think>'] })).choices[0], { finish_reason: 'stop', message: { content: 'Because.', reasoning: 'Well, hm.' } })
  t.match((await ask({ stop: ['aus'] })).choices[0], { finish_reason: 'stop', message: { content: 'Bec', reasoning: 'Well, hm.' } })
  const cut = await ask({ max_tokens: 12 })
  t.match(cut.choices[0], { finish_reason: 'length', message: { content: '', reasoning: 'Well' } })
  t.same(cut.usage.completion_tokens_details, { reasoning_tokens: 12 })
})

t.test('logprobs are those of the content', async t => {
  const { ask, stream } = await serverOf(t, { answer: () => answer, thinks: 'free' })
  const { choices: [{ logprobs }] } = await ask({ logprobs: true })
  t.equal(logprobs.content.map((entry: any) => entry.token).join(''), 'Because.')
  const streamed = (await stream({ logprobs: true })).flatMap(event => event.choices[0]?.logprobs?.content ?? [])
  t.equal(streamed.map(entry => entry.token).join(''), 'Because.')
})

t.test('a call in thoughts is a thought, one behind them is a call', async t => {
  const { ask } = await serverOf(t, { answer: () => `<think>\n${calling('weather', { a: 1 })}\n</think>\n\n${calling('weather', { a: 2 })}`, thinks: 'free' })
  const { choices: [{ message, finish_reason: reason }] } = await ask({ tools })
  t.equal(reason, 'tool_calls')
  t.match(message, { content: null, reasoning: calling('weather', { a: 1 }), tool_calls: [{ function: { arguments: '{"a":2}' } }] })
  t.equal(message.tool_calls.length, 1)
})

t.test('thoughts that a request gives back, under either name, reach the template; of others than the assistant they do not', async t => {
  const prompts: string[] = []
  const { ask } = await serverOf(t, { answer: conversation => { prompts.push(conversation); return 'Yes.' }, thinks: 'free' })
  for (const thought of [{ reasoning_content: 'hm' }, { reasoning: 'hm' }, { reasoning_content: null, reasoning: 'hm' }]) {
    await ask({ messages: [...question, { role: 'assistant', content: 'So.', ...thought }, { role: 'user', content: 'No.', ...thought }] })
    t.equal(prompts.at(-1), '<user>Why?<end><assistant><think>\nhm\n</think>\n\nSo.<end><user>No.<end><assistant>')
  }
})

t.test('the rounds of registered tools think each for themselves, and give their thoughts back to the template', async t => {
  const prompts: string[] = []
  const { engine } = toolEngine({
    thinks: 'free',
    answer: conversation => {
      prompts.push(conversation)
      return conversation.includes('<tool>') ? '<think>\nWarm.\n</think>\n\nIt is warm.' : `<think>\nAsk.\n</think>\n\n${calling('weather')}`
    }
  })
  t.teardown(async () => { await engine.close() })
  engine.registerTool({ name: 'weather', call: () => '17' })
  const generation = engine.chat({ messages: [{ role: 'user', content: 'Why?' }], tools: ['weather'] })
  const thoughts: string[] = []
  for await (const { reasoning, toolCalls } of generation) thoughts.push(...reasoning === undefined ? [] : [reasoning], ...toolCalls === undefined ? [] : ['call'])
  t.equal(thoughts.join(''), 'Ask.callWarm.')
  const { choices: [choice], usage } = await generation.result()
  t.match(choice, { text: 'It is warm.', reasoning: 'Ask.Warm.', messages: [{ role: 'assistant', reasoning_content: 'Ask.' }, { role: 'tool' }, { role: 'assistant', content: 'It is warm.', reasoning_content: 'Warm.' }] })
  t.match(prompts[1], `<assistant><think>\nAsk.\n</think>\n\n${calling('weather')}<end><tool>17<end>`)
  t.equal(usage.reasoningTokens, 'Ask.Warm.'.length + 2 * '<think>\n\n</think>\n\n'.length)
  t.ok(usage.cachedTokens > 0)
})
