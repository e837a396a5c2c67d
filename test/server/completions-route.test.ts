import t from 'tap'
import { FakeEngine } from '../support/fake-engine.js'
import { eventsOf, injectable } from '../support/http.js'

const url = '/v1/completions'

t.test('a plain answer continues the prompt, 16 tokens at most by default', async t => {
  const engine = new FakeEngine()
  const { app } = await injectable(t, engine)
  const body = (await app.inject({ method: 'POST', url, payload: { model: 'fake', prompt: 'Once upon' } })).json()
  t.match(body, {
    id: /^cmpl-/,
    object: 'text_completion',
    model: 'fake',
    choices: [{ text: 'Hello there!', index: 0, finish_reason: 'stop' }],
    usage: { prompt_tokens: 2, completion_tokens: 3, total_tokens: 5 }
  })
  t.equal(body.choices[0].logprobs, null)
  t.equal(engine.completions.at(-1)!.maxTokens, 16)
})

t.test('choice j of prompt i has the index i * n + j, plain and streamed', async t => {
  const { app } = await injectable(t, new FakeEngine())
  const payload = { model: 'fake', prompt: ['a', 'b c'], n: 2, echo: true }
  const { choices, usage } = (await app.inject({ method: 'POST', url, payload })).json()
  t.same(choices.map((choice: any) => [choice.index, choice.text]),
    [[0, 'aHello there!'], [1, 'aHello there!'], [2, 'b cHello there!'], [3, 'b cHello there!']])
  t.same([usage.prompt_tokens, usage.completion_tokens], [3, 12])
  const { body } = await app.inject({ method: 'POST', url, payload: { ...payload, stream: true, stream_options: { include_usage: true } } })
  const events = eventsOf(body)
  t.equal(events.pop(), 'DONE')
  t.match(events.pop().usage, { total_tokens: 15 })
  const texts = ['', '', '', '']
  for (const { object, choices: [choice], usage } of events) {
    t.equal(object, 'text_completion')
    t.equal(usage, null)
    texts[choice.index] += choice.text
  }
  t.same(texts, ['aHello there!', 'aHello there!', 'b cHello there!', 'b cHello there!'])
  t.equal(events.filter(event => event.choices[0].finish_reason === 'stop').length, 4)
})

t.test('prompts may be token ids, one list or many', async t => {
  const engine = new FakeEngine()
  const { app } = await injectable(t, engine)
  const one = (await app.inject({ method: 'POST', url, payload: { model: 'fake', prompt: [5, 6], echo: true } })).json()
  t.equal(one.choices[0].text, '<5><6>Hello there!')
  const many = (await app.inject({ method: 'POST', url, payload: { model: 'fake', prompt: [[1], [2, 3]] } })).json()
  t.equal(many.choices.length, 2)
  t.same(engine.completions.slice(-2).map(({ prompt }) => prompt), [[1], [2, 3]])
})

t.test('logprobs list tokens, their alternatives and where they stand in the text', async t => {
  const { app } = await injectable(t, new FakeEngine({ answer: ['Grü', 'ße', ' 😀'] }))
  const { choices: [{ logprobs }] } = (await app.inject({ method: 'POST', url, payload: { model: 'fake', prompt: 'x', logprobs: 2 } })).json()
  t.same(logprobs.tokens, ['Grü', 'ße', ' 😀'])
  t.same(logprobs.token_logprobs, [-0.5, -0.5, -0.5])
  t.same(logprobs.top_logprobs[1], { 'ße': -0.5, other1: -1 })
  t.same(logprobs.text_offset, [0, 3, 5], 'in characters')
  const { body } = await app.inject({ method: 'POST', url, payload: { model: 'fake', prompt: 'x', logprobs: 0, stream: true } })
  const offsets = eventsOf(body).filter(event => event !== 'DONE').flatMap(event => event.choices[0].logprobs.text_offset)
  t.same(offsets, [0, 3, 5], 'they go on from chunk to chunk')
})

t.test('more log-probabilities than an answer holds are refused by name, of all prompts together', async t => {
  const engine = new FakeEngine()
  const { app } = await injectable(t, engine)
  const prompt = Array<string>(4).fill('x')
  const ask = { model: 'fake', prompt, n: 64, logprobs: 5 }
  const refused = await app.inject({ method: 'POST', url, payload: { ...ask, max_tokens: 4096 } })
  t.equal(refused.statusCode, 400)
  t.match(refused.json().error, { type: 'invalid_request_error', param: 'logprobs', message: /up to 6291456 log-probabilities .*at most 4194304/ })
  t.equal(engine.completions.filter(({ prompt }) => prompt === 'x').length, 0)
  t.equal((await app.inject({ method: 'POST', url, payload: { ...ask, max_tokens: 2048 } })).statusCode, 200)
})

t.test('echo with logprobs and no new tokens scores the prompt; its first token has no probability', async t => {
  const engine = new FakeEngine()
  const { app } = await injectable(t, engine)
  const { choices: [choice] } = (await app.inject({
    method: 'POST', url, payload: { model: 'fake', prompt: 'the old mill', echo: true, logprobs: 1, max_tokens: 0 }
  })).json()
  t.equal(choice.text, 'the old mill')
  t.same(choice.logprobs.token_logprobs, [null, -0.5, -0.5])
  t.same(choice.logprobs.top_logprobs, [null, { old: -0.5 }, { mill: -0.5 }])
  t.equal(choice.finish_reason, 'length')
  t.match(engine.completions.at(-1), { promptLogprobs: true, maxTokens: 0 })
})

t.test('fields that contradict each other are refused by name', async t => {
  const { app } = await injectable(t, new FakeEngine())
  for (const [fields, param] of [
    [{ max_tokens: 0 }, 'max_tokens'],
    [{ stream: true, echo: true, logprobs: 1 }, 'logprobs'],
    [{ stream_options: {} }, 'stream_options'],
    [{ best_of: 2 }, 'best_of'],
    [{ suffix: 'end' }, 'suffix'],
    [{ logprobs: 6 }, 'logprobs'],
    [{ prompt: Array(600).fill('x'), n: 2 }, 'prompt'],
    [{ prompt: [1, 'a'] }, 'prompt'],
    [{ prompt: [] }, 'prompt'],
    [{ prompt: undefined }, 'prompt'],
    [{ prompt: [1.5] }, 'prompt']
  ] as const) {
    const response = await app.inject({ method: 'POST', url, payload: { model: 'fake', prompt: 'x', ...fields } })
    t.equal(response.statusCode, 400, JSON.stringify(fields).slice(0, 60))
    t.match(response.json().error.param, new RegExp(`^${param}`))
  }
  const harmless = await app.inject({ method: 'POST', url, payload: { model: 'fake', prompt: 'x', n: 2, best_of: 2, suffix: '' } })
  t.equal(harmless.statusCode, 200)
})

t.test('echo is bounded in what it repeats, before anything runs', async t => {
  const engine = new FakeEngine()
  const { app } = await injectable(t, engine)
  const before = engine.completions.length
  const post = async (fields: object) => (await app.inject({ method: 'POST', url, payload: { model: 'fake', echo: true, ...fields } })).json()
  t.match(await post({ prompt: 'x'.repeat(140_000), n: 128 }), { error: { param: 'echo', message: /17920000 characters/ } })
  t.match(await post({ prompt: 'x'.repeat(10_000), n: 128, logprobs: 5, max_tokens: 1 }), { error: { param: 'echo', message: /320000 prompt tokens/ } })
  t.match(await post({ prompt: Array(4097).fill(1) }), { error: { code: 'context_length_exceeded' } }, 'ids beyond the context do not become a text first')
  t.equal(engine.completions.length, before)
  t.equal((await post({ prompt: 'a b', n: 2, logprobs: 1 })).choices.length, 2)
})
