import t from 'tap'
import { FakeEngine } from '../support/fake-engine.js'
import { eventually, injectable, listening, RawClient } from '../support/http.js'

const url = '/v1/embeddings'

async function embed (app: any, fields: object): Promise<any> {
  const response = await app.inject({ method: 'POST', url, payload: { model: 'fake', input: 'mill', ...fields } })
  return { ...response.json(), statusCode: response.statusCode, headers: response.headers }
}

t.test('texts and token ids, one or many, give one entry each in their order', async t => {
  const engine = new FakeEngine()
  const { app } = await injectable(t, engine)
  const counts: Array<[unknown, number]> = [['mill', 1], [['mill', 'river'], 2], [[5, 6], 1], [[[5, 6], [7]], 2]]
  for (const [input, count] of counts) {
    const body = await embed(app, { input })
    t.equal(body.statusCode, 200)
    t.match(body, { object: 'list', model: 'fake' })
    t.same(body.data.map(({ object, index }: any) => [object, index]), Array.from({ length: count }, (_, i) => ['embedding', i]))
    t.same(engine.embeds.at(-1)!.input, input)
  }
  const { data, usage } = await embed(app, { input: ['mill', 'river'] })
  t.same(data.map(({ embedding }: any) => embedding[2]), [4, 5])
  t.same(usage, { prompt_tokens: 9, total_tokens: 9, prompt_tokens_details: { cached_tokens: 1 } })
})

t.test('base64 is the same numbers as little-endian float32', async t => {
  const { app } = await injectable(t, new FakeEngine())
  const { data: [{ embedding: numbers }] } = await embed(app, {})
  t.same(numbers.map(Math.fround), Array.from(Float32Array.from([0.1, -0.2, 4, 1e-20])))
  const { data: [{ embedding: base64 }] } = await embed(app, { encoding_format: 'base64' })
  const bytes = Buffer.from(base64, 'base64')
  t.same(Array.from({ length: 4 }, (_, i) => bytes.readFloatLE(i * 4)), numbers)
})

t.test('dimensions are honoured, and refused where the model has fewer', async t => {
  const { app } = await injectable(t, new FakeEngine())
  t.equal((await embed(app, { dimensions: 2 })).data[0].embedding.length, 2)
  t.match(await embed(app, { dimensions: 5 }), { statusCode: 400, error: { param: 'dimensions' } })
})

t.test('what is wrong is named, and nothing is computed', async t => {
  const engine = new FakeEngine()
  const { app } = await injectable(t, engine)
  const cases: Array<[object, string]> = [
    [{ input: undefined }, 'input'], [{ input: '' }, 'input'], [{ input: [] }, 'input'], [{ input: ['a', ''] }, 'input[1]'], [{ input: [[]] }, 'input[0]'],
    [{ input: [-1] }, 'input[0]'], [{ input: [1.5] }, 'input[0]'], [{ input: Array(2049).fill('a') }, 'input'], [{ input: 3 }, 'input'], [{ model: undefined }, 'model'],
    [{ dimensions: 0 }, 'dimensions'], [{ encoding_format: 'int8' }, 'encoding_format'], [{ truncate_prompt_tokens: 5 }, 'truncate_prompt_tokens']
  ]
  for (const [fields, param] of cases) {
    const { statusCode, error } = await embed(app, fields)
    t.equal(statusCode, 400, JSON.stringify(fields).slice(0, 60))
    t.match(error.param, param.split('[')[0]!)
  }
  t.equal(engine.embeds.length, 0)
  t.match(await embed(app, { model: 'other' }), { statusCode: 404, error: { code: 'model_not_found' } })
  t.equal((await embed(app, { user: 'u', input_type: 'query' })).headers['x-millrace-ignored-fields'], 'input_type')
})

t.test('a client that leaves ends the computation', async t => {
  const engine = new FakeEngine({ prefillMs: 100 })
  const { port } = await listening(t, engine)
  const client = new RawClient(port)
  client.post(url, { model: 'fake', input: 'mill' })
  await eventually(() => engine.embeds.length === 1, 'asked')
  t.equal(engine.embeds[0]!.signal!.aborted, false)
  client.socket.destroy()
  await eventually(() => engine.embeds[0]!.signal!.aborted, 'aborted')
})

t.test('a server that shuts down says so', async t => {
  const engine = new FakeEngine({ prefillMs: 200 })
  const server = await listening(t, engine)
  const answer = fetch(`${server.url}${url}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model: 'fake', input: 'mill' }) })
  await eventually(() => engine.embeds.length === 1, 'asked')
  await Promise.all([server.close({ timeoutMs: 0 }), answer.then(async response => {
    t.equal(response.status, 503)
    t.match(await response.json(), { error: { code: 'ERR_DRAINING' } })
  })])
})
