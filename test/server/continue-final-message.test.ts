import { fileURLToPath } from 'node:url'
import t from 'tap'
import { Engine } from '../../src/engine/engine.js'
import { injectable } from '../support/http.js'

const question = { role: 'user', content: 'What is the capital of Italy?' }

t.test('an answer goes on with the last message, and is what comes behind it', { timeout: 120_000 }, async t => {
  const engine = await Engine.load(fileURLToPath(new URL('../../models/millrace-demo', import.meta.url)), { deterministic: true })
  t.teardown(async () => { await engine.close() })
  const { app } = await injectable(t, engine)
  const ask = async (messages: object[], fields = {}): Promise<any> => JSON.parse((await app.inject({
    method: 'POST', url: '/v1/chat/completions', payload: { model: engine.modelName, messages, temperature: 0, ...fields }
  })).body)

  const whole = (await ask([question])).choices[0].message.content as string
  const at = whole.indexOf(' ', whole.length / 2)
  const begun = { role: 'assistant', content: whole.slice(0, at) }
  const rest = await ask([question, begun], { continue_final_message: true, add_generation_prompt: false })
  t.equal(rest.choices[0].message.content, whole.slice(at))
  t.same(await ask([question, begun], { continue_final_message: true }).then(answer => answer.choices), rest.choices, 'add_generation_prompt may be left out')
  t.equal((await ask([question, begun])).usage.prompt_tokens > rest.usage.prompt_tokens, true, 'without it an answer of its own begins')

  const refusals: Array<[object[], object, string]> = [
    [[question], { continue_final_message: true }, 'continue_final_message'],
    [[question, { role: 'assistant', content: '' }], { continue_final_message: true }, 'continue_final_message'],
    [[question, { role: 'assistant', content: null, tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } }] }], { continue_final_message: true }, 'continue_final_message'],
    [[question, begun], { continue_final_message: true, add_generation_prompt: true }, 'add_generation_prompt'],
    [[question], { add_generation_prompt: false }, 'add_generation_prompt'],
    [[question, begun], { continue_final_message: 'yes' }, 'continue_final_message']
  ]
  for (const [messages, fields, param] of refusals) t.match(await ask(messages, fields), { error: { type: 'invalid_request_error', param } }, JSON.stringify(fields))
})
