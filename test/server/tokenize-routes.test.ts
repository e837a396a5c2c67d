import t from 'tap'
import { FakeEngine } from '../support/fake-engine.js'
import { injectable } from '../support/http.js'

async function post (app: any, url: string, payload: object): Promise<any> {
  const response = await app.inject({ method: 'POST', url, payload })
  return { ...response.json(), statusCode: response.statusCode, headers: response.headers }
}

t.test('a text becomes its token ids, with their number and the context', async t => {
  const { app } = await injectable(t, new FakeEngine())
  t.match(await post(app, '/tokenize', { model: 'fake', prompt: 'Hi!' }), { statusCode: 200, count: 3, tokens: [72, 105, 33], max_model_len: 4096, token_strs: null })
  t.same((await post(app, '/tokenize', { model: 'fake', prompt: 'Hi', return_token_strs: true })).token_strs, ['<72>', '<105>'])
  t.match(await post(app, '/tokenize', { prompt: '' }), { count: 0, tokens: [] }, 'one model needs no name')
})

t.test('messages are counted through the chat template, with tools', async t => {
  const { app } = await injectable(t, new FakeEngine())
  const body = await post(app, '/tokenize', { model: 'fake', messages: [{ role: 'user', content: 'Hi' }], tools: [{ type: 'function', function: { name: 'f' } }] })
  t.equal(Buffer.from(body.tokens).toString(), 'user:Hi')
})

t.test('token ids become their text', async t => {
  const { app } = await injectable(t, new FakeEngine())
  t.match(await post(app, '/detokenize', { model: 'fake', tokens: [1, 2] }), { statusCode: 200, prompt: '<1><2>' })
  t.match(await post(app, '/detokenize', { tokens: [] }), { prompt: '' })
})

t.test('what is wrong is named', async t => {
  const { app } = await injectable(t, new FakeEngine())
  const cases: Array<[string, object, string]> = [
    ['/tokenize', {}, 'prompt'],
    ['/tokenize', { prompt: 'a', messages: [{ role: 'user', content: 'a' }] }, 'prompt'],
    ['/tokenize', { prompt: 3 }, 'prompt'],
    ['/tokenize', { prompt: 'a', add_special_tokens: false }, 'add_special_tokens'],
    ['/tokenize', { messages: [{ role: 'user' }] }, 'messages[0].content'],
    ['/detokenize', {}, 'tokens'],
    ['/detokenize', { tokens: [-1] }, 'tokens[0]'],
    ['/detokenize', { tokens: [1.5] }, 'tokens[0]'],
    ['/detokenize', { tokens: 'a' }, 'tokens']
  ]
  for (const [url, fields, param] of cases) t.match(await post(app, url, fields), { statusCode: 400, error: { param } }, `${url} ${JSON.stringify(fields)}`)
  t.match(await post(app, '/tokenize', { prompt: 'a'.repeat(4096 * 64 + 1) }), { statusCode: 400, error: { code: 'context_length_exceeded' } })
  t.equal((await post(app, '/tokenize', { model: 'other', prompt: 'a' })).statusCode, 404)
})

t.test('the texts of many tokens are looked up in turns, between which others are answered', async t => {
  class CountingEngine extends FakeEngine {
    sinceTurn = 0
    most = 0
    override detokenize (ids: ArrayLike<number>): string {
      if (this.sinceTurn++ === 0) setImmediate(() => { this.sinceTurn = 0 })
      this.most = Math.max(this.most, this.sinceTurn)
      return super.detokenize(ids)
    }
  }
  const engine = new CountingEngine({ maxModelLen: 4096 })
  const { app } = await injectable(t, engine)
  const { token_strs: texts } = await post(app, '/tokenize', { prompt: 'ab'.repeat(10_000), return_token_strs: true })
  t.equal(texts.length, 20_000)
  t.same(texts.slice(0, 2), ['<97>', '<98>'])
  t.ok(engine.most <= 2 * 4096, `${engine.most} in one turn`)
  t.match(await post(app, '/detokenize', { tokens: Array(2 ** 17 + 1).fill(1) }), { statusCode: 400, error: { param: 'tokens' } })
})
