import OpenAI from 'openai'
import t, { type Test } from 'tap'
import { Engine } from '../../src/engine/engine.js'
import { fixture } from '../support/fixtures.js'
import { eventually, listening } from '../support/http.js'

// The official client against a real engine: random weights, so that the texts mean nothing.

const engine = await Engine.load(fixture('models/qwen3'))
t.teardown(async () => { await engine.close() })
const { url } = await listening(t, engine, { apiKey: 'sk-test' })
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'sk-test', maxRetries: 0 })
const messages = [{ role: 'user' as const, content: 'Tell me of the mill' }]
// The penalty keeps random weights from saying one thing for ever.
const penalty: object = { repetition_penalty: 1.5 }
const greedy = { model: 'qwen3', messages, temperature: 0, max_completion_tokens: 12, seed: 1, ...penalty }

/** Waits for a failure and compares its fields. */
async function failsWith (t: Test, answer: PromiseLike<unknown>, kind: new (...args: any[]) => Error, fields: object): Promise<void> {
  const error: unknown = await Promise.resolve(answer).then(() => new Error('it did not fail'), error => error)
  t.type(error, kind)
  t.match(error, fields)
}

const freeBlocks = (): boolean => engine.stats().kv.usedBlocks === 0

t.test('a streamed answer is the plain one, piece by piece', async t => {
  const plain = await client.chat.completions.create(greedy)
  const content = plain.choices[0]!.message.content!
  t.ok(content.length > 0)
  t.match(plain._request_id, /./)
  t.match(plain.usage, { prompt_tokens: Number, completion_tokens: 12 })
  t.equal(plain.choices[0]!.finish_reason, 'length')
  let streamed = ''
  let usage
  for await (const chunk of await client.chat.completions.create({ ...greedy, stream: true, stream_options: { include_usage: true } })) {
    streamed += chunk.choices[0]?.delta.content ?? ''
    usage = chunk.usage ?? usage
  }
  t.equal(streamed, content)
  t.equal(usage?.total_tokens, plain.usage!.total_tokens)
  t.type(usage?.prompt_tokens_details?.cached_tokens, 'number')
})

t.test('the client\'s own accumulation of a stream gives the same message', async t => {
  const runner = client.chat.completions.stream(greedy)
  const final = await runner.finalChatCompletion()
  t.equal(final.choices[0]!.message.content, (await client.chat.completions.create(greedy)).choices[0]!.message.content)
})

t.test('n answers of one seed differ, and the first is that of n = 1', async t => {
  const warm = { ...greedy, temperature: 1 }
  const three = await client.chat.completions.create({ ...warm, n: 3 })
  const one = await client.chat.completions.create(warm)
  t.same(three.choices.map(choice => choice.index), [0, 1, 2])
  t.equal(three.choices[0]!.message.content, one.choices[0]!.message.content)
  t.equal(new Set(three.choices.map(choice => choice.message.content)).size, 3)
  t.equal(three.usage!.prompt_tokens, one.usage!.prompt_tokens)
})

t.test('a stop string ends the text before itself, plain and streamed', async t => {
  const whole = (await client.chat.completions.create(greedy)).choices[0]!.message.content!
  // Some text in the middle that begins nowhere earlier.
  const from = Array.from(whole, (_, i) => i).find(i => i >= 3 && whole.indexOf(whole.slice(i, i + 3)) === i)!
  const stop = whole.slice(from, from + 3)
  const stopped = await client.chat.completions.create({ ...greedy, stop })
  t.equal(stopped.choices[0]!.message.content, whole.slice(0, from))
  t.equal(stopped.choices[0]!.finish_reason, 'stop')
  let streamed = ''
  for await (const chunk of await client.chat.completions.create({ ...greedy, stop: ['never there', stop], stream: true })) {
    streamed += chunk.choices[0]?.delta.content ?? ''
  }
  t.equal(streamed, whole.slice(0, from))
})

t.test('logprobs belong to the tokens of the text, and the greedy token is the likeliest', async t => {
  const { choices: [choice] } = await client.chat.completions.create({ ...greedy, ...{ repetition_penalty: 1 }, logprobs: true, top_logprobs: 3 })
  const tokens = choice!.logprobs!.content!
  t.equal(tokens.length, 12)
  t.equal(Buffer.from(tokens.flatMap(token => token.bytes!)).toString(), choice!.message.content)
  for (const { token, logprob, top_logprobs: top } of tokens) {
    t.ok(logprob <= 0 && logprob > -100)
    t.equal(top.length, 3)
    t.equal(top[0]!.token, token)
  }
})

t.test('completions score a prompt, and agree with its own continuation', async t => {
  const scored = await client.completions.create({ model: 'qwen3', prompt: 'the old mill', echo: true, logprobs: 1, max_tokens: 0 })
  const { text, logprobs } = scored.choices[0]!
  t.equal(text, 'the old mill')
  t.equal(logprobs!.token_logprobs![0], null)
  t.ok(logprobs!.token_logprobs!.slice(1).every(value => value <= 0))
  t.equal(logprobs!.tokens!.join(''), 'the old mill')
  t.equal(scored.usage!.completion_tokens, 0)
  const ids = await engine.tokenize('the old mill')
  const byIds = await client.completions.create({ model: 'qwen3', prompt: [...ids], echo: true, logprobs: 1, max_tokens: 0 })
  t.equal(byIds.choices[0]!.text, 'the old mill')
  t.same(byIds.choices[0]!.logprobs!.token_logprobs!.map(value => value?.toFixed(4)), logprobs!.token_logprobs!.map(value => value?.toFixed(4)))
  const { choices } = await client.completions.create({ model: 'qwen3', prompt: ['a', 'b'], n: 2, max_tokens: 2 })
  t.same(choices.map(choice => choice.index), [0, 1, 2, 3])
})

t.test('an aborted stream frees its blocks', async t => {
  const stream = await client.chat.completions.create({ ...greedy, max_completion_tokens: 200, stream: true })
  for await (const chunk of stream) {
    if (chunk.choices[0]?.delta.content) break
  }
  await eventually(() => engine.stats().requests === 0 && freeBlocks(), 'blocks are free')
  const controller = new AbortController()
  const plain = client.chat.completions.create({ ...greedy, max_completion_tokens: 200 }, { signal: controller.signal })
  await eventually(() => engine.stats().requests === 1, 'running')
  controller.abort()
  t.type(await plain.catch((error: unknown) => error), OpenAI.APIUserAbortError)
  await eventually(() => engine.stats().requests === 0 && freeBlocks(), 'blocks are free')
})

t.test('errors arrive as the client\'s own classes, with code and param', async t => {
  const wrongKey = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'wrong', maxRetries: 0 })
  await failsWith(t, wrongKey.models.list(), OpenAI.AuthenticationError, { status: 401, code: 'invalid_api_key', type: 'invalid_request_error' })
  await failsWith(t, client.chat.completions.create({ ...greedy, model: 'gpt-x' }), OpenAI.NotFoundError, { code: 'model_not_found' })
  await failsWith(t, client.chat.completions.create({ ...greedy, temperature: 3 }), OpenAI.BadRequestError, { param: 'temperature' })
  await failsWith(t, client.chat.completions.create({ ...greedy, messages: [{ role: 'user', content: 'mill '.repeat(500) }] }), OpenAI.BadRequestError,
    { code: 'context_length_exceeded', message: /\d{4} tokens.* 25[56]/ })
  await failsWith(t, client.chat.completions.create({ ...greedy, logit_bias: { 99999: 1 } }), OpenAI.BadRequestError,
    { param: 'logit_bias.99999', message: /^400 logit_bias.99999 has the id 99999/ })
  await failsWith(t, client.completions.create({ model: 'qwen3', prompt: [99999] }), OpenAI.BadRequestError, { message: /99999/ })
  await failsWith(t, client.completions.create({ model: 'qwen3', prompt: '' }), OpenAI.BadRequestError, { param: 'prompt' })
})

t.test('models are listed and found with their context length', async t => {
  const { data } = await client.models.list()
  t.match(data, [{ id: 'qwen3', object: 'model', owned_by: 'millrace', max_model_len: 256 }])
  t.match(await client.models.retrieve('qwen3'), { id: 'qwen3' })
  await failsWith(t, client.models.retrieve('none'), OpenAI.NotFoundError, { status: 404 })
})

const asked = { model: 'qwen3', input: 'Tell me of the mill', temperature: 0, max_output_tokens: 12, seed: 1, ...penalty }

t.test('a response has the text of the same chat, and a streamed one too', async t => {
  const chat = (await client.chat.completions.create(greedy)).choices[0]!.message.content!
  const plain = await client.responses.create(asked)
  t.equal(plain.output_text, chat)
  t.match(plain, { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' }, usage: { output_tokens: 12 } })
  const stream = client.responses.stream(asked)
  let deltas = ''
  stream.on('response.output_text.delta', event => { deltas += event.delta })
  const final = await stream.finalResponse()
  t.equal(deltas, chat)
  t.equal(final.output_text, chat)
  t.match(final, { status: 'incomplete', usage: plain.usage! })
})

t.test('a response goes on from the one before as the same messages do, and is listed, found and deleted', async t => {
  const first = await client.responses.create({ ...asked, instructions: 'Be brief' })
  const second = await client.responses.create({ ...asked, input: 'And then?', previous_response_id: first.id })
  const whole = await client.responses.create({
    ...asked, store: false, input: [{ role: 'user', content: 'Tell me of the mill' }, ...first.output as any, { role: 'user', content: 'And then?' }]
  })
  t.equal(second.output_text, whole.output_text)
  t.equal(second.usage!.input_tokens, whole.usage!.input_tokens)
  t.same((await client.responses.retrieve(second.id)).output, second.output)
  const items = []
  for await (const item of client.responses.inputItems.list(second.id)) items.push(item)
  t.match(items, [{ type: 'message', role: 'user', content: [{ text: 'And then?' }] }])
  await client.responses.delete(second.id)
  await failsWith(t, client.responses.retrieve(second.id), OpenAI.NotFoundError, { code: 'ERR_RESPONSE_UNKNOWN' })
  await failsWith(t, client.responses.retrieve(whole.id), OpenAI.NotFoundError, {})
  await failsWith(t, client.responses.create({ ...asked, input: [{ type: 'item_reference', id: 'msg_1' }] }), OpenAI.BadRequestError, { param: 'input[0]' })
})

t.test('an aborted stream of a response frees its blocks and is not stored', async t => {
  const stream = await client.responses.create({ ...asked, max_output_tokens: 200, stream: true })
  let id = ''
  for await (const event of stream) {
    if (event.type === 'response.created') id = event.response.id
    if (event.type === 'response.output_text.delta') break
  }
  await eventually(() => engine.stats().requests === 0 && freeBlocks(), 'blocks are free')
  await failsWith(t, client.responses.retrieve(id), OpenAI.NotFoundError, {})
})
