import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import type { ChatOptions } from '../../src/engine/api.js'
import { Engine } from '../../src/engine/engine.js'
import { loadParts } from '../../src/engine/load.js'

// The model that ships with Millrace, which must call: whatever it would rather say.

const folder = fileURLToPath(new URL('../../models/millrace-demo', import.meta.url))
const engine = await Engine.load(folder, { deterministic: true })
t.teardown(async () => { await engine.close() })
t.setTimeout(120_000)

const messages = [{ role: 'user' as const, content: 'What is the weather in Oslo?' }]
const city = { type: 'object', properties: { city: { type: 'string', enum: ['Oslo', 'Rome'] } }, required: ['city'] }
const weather = { type: 'function', function: { name: 'weather', parameters: city } }
const time = { type: 'function', function: { name: 'time' } }
const must = { messages, tools: [weather, time], toolChoice: 'required', maxTokens: 200, temperature: 1 } as const

async function refused (t: Test, options: Partial<ChatOptions>, param: string, message: RegExp): Promise<void> {
  const error: unknown = await engine.chat({ ...must, ...options }).result().then(() => 'it was taken', error => error)
  t.match(error, { code: 'ERR_INVALID_PARAMETER', param, message })
}

t.test('an answer that must call has calls and nothing else, with arguments that fit', async t => {
  for (const seed of [1, 2, 3]) {
    const { choices } = await engine.chat({ ...must, seed, n: 2, parallelToolCalls: false }).result()
    for (const { text, toolCalls, finishReason } of choices) {
      t.equal(finishReason, 'tool_calls')
      t.equal(text, '')
      t.equal(toolCalls!.length, 1)
      const [{ name, arguments: args }] = toolCalls as any
      t.ok(name === 'time' ? Object.keys(args).length === 0 : ['Oslo', 'Rome'].includes(args.city), JSON.stringify(toolCalls))
    }
  }
})

t.test('it calls only what is allowed', async t => {
  for (const allowed of ['weather', 'time']) {
    const { choices: [choice] } = await engine.chat({ ...must, allowedTools: [allowed], parallelToolCalls: false }).result()
    t.match(choice!.toolCalls, [{ name: allowed }])
  }
})

t.test('beside a constraint, an answer that may call has calls, or is what it must be', async t => {
  const parts = await loadParts(folder, { deterministic: true }, {})
  const template = parts.chatTemplate!
  const calling = new Engine({ ...parts, chatTemplate: { render: async input => await template.render(input), source: () => '<tool_call>', close: async () => { await template.close() } } })
  t.equal(calling.info.toolFormat, 'hermes')
  const constraint = { type: 'choice', choices: ['yes', 'no'] } as const
  const { choices } = await calling.chat({ messages, tools: [weather], constraint, n: 8, temperature: 2, seed: 3, maxTokens: 400 }).result()
  for (const { text, toolCalls = [], finishReason } of choices) {
    if (finishReason === 'stop') t.ok(['yes', 'no'].includes(text), text)
    else if (finishReason === 'tool_calls') t.ok(text === '' && toolCalls.every(({ name }) => name === 'weather'), JSON.stringify(toolCalls))
  }
  const { choices: [forced] } = await calling.chat({ ...must, parallelToolCalls: false, seed: 1 }).result()
  t.equal(forced!.toolCalls!.length, 1, 'in its own form')
  await calling.close()
})

t.test('what cannot be kept is refused, with its place in the tools', async t => {
  const odd = { type: 'function', function: { name: 'odd', parameters: { type: 'object', properties: { a: { type: 'integer', multipleOf: 7 } } } } }
  await refused(t, { tools: [weather, odd] }, 'tools[1].function.parameters.properties.a.multipleOf', /^tools\[1\]\.function\.parameters\.properties\.a\.multipleOf: /)
  await refused(t, { tools: undefined }, 'toolChoice', /needs tools/)
  await refused(t, { toolChoice: 'perhaps' as any }, 'toolChoice', /'auto' or 'required'/)
  await refused(t, { constraint: { type: 'jsonObject' } }, 'toolChoice', /another form/)
  await refused(t, { ignoreEos: true }, 'ignoreEos', /beside a constraint/)
  await refused(t, { allowedTools: ['wether'] }, 'allowedTools[0]', /no tool that is offered.*weather/)
  await refused(t, { parallelToolCalls: 1 as any }, 'parallelToolCalls', /true or false/)
  const { choices: [choice] } = await engine.chat({ ...must, tools: [weather, odd], toolChoice: 'auto', maxTokens: 2 }).result()
  t.equal(choice!.finishReason, 'length', 'an answer that is free needs no schema that can be kept')
})
