import OpenAI from 'openai'
import t from 'tap'
import { listening } from '../../support/http.js'
import { calling, toolEngine } from '../../support/tool-model.js'

// The official client's own accumulation of streams, with a model that calls tools by rule.

const weather = { type: 'function' as const, name: 'weather', description: 'Of a city.', parameters: { type: 'object', properties: { city: { type: 'string' } } }, strict: false }

t.test('the client runs a tool and goes on from its response, plain and streamed', async t => {
  const { engine } = toolEngine({
    answer: conversation => conversation.includes('<tool>rain<end>') ? 'Take an umbrella.' : `One moment.${calling('weather', { city: 'Ulm' })}`
  })
  t.teardown(async () => { await engine.close() })
  const { url } = await listening(t, engine)
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 })
  const model = engine.modelName
  const asked = { model, input: 'How is the weather in Ulm?', tools: [weather], seed: 5 }
  const plain = await client.responses.create(asked)
  const streamed = await client.responses.stream(asked).finalResponse()
  for (const response of [plain, streamed]) {
    t.equal(response.output_text, 'One moment.')
    const call = response.output[1]!
    t.match(call, { type: 'function_call', name: 'weather', arguments: '{"city":"Ulm"}', status: 'completed' })
    if (call.type !== 'function_call') continue
    t.not(call.id, call.call_id)
    const output = { type: 'function_call_output' as const, call_id: call.call_id, output: 'rain' }
    const next = await client.responses.create({ model, tools: [weather], previous_response_id: response.id, input: [output] })
    t.equal(next.output_text, 'Take an umbrella.')
    const whole = await client.responses.create({ model, tools: [weather], store: false, input: [{ role: 'user', content: asked.input }, ...response.output as any, output] })
    t.equal(whole.output_text, 'Take an umbrella.')
    t.equal(whole.usage!.input_tokens, next.usage!.input_tokens, 'the prompt is the same')
  }
  t.equal(engine.stats().kv.usedBlocks, 0)
})
