import t from 'tap'
import { buildServer } from '../../src/server/index.js'
import { FakeEngine } from '../support/fake-engine.js'
import { injectable } from '../support/http.js'
import { loadTinyEngine } from '../support/tiny-engine.js'

const payloads = {
  '/v1/chat/completions': { messages: [{ role: 'user', content: 'hi' }] },
  '/v1/completions': { prompt: 'hi' },
  '/v1/responses': { input: 'hi' },
  '/v1/embeddings': { input: 'hi' }
}

async function saltsOf (engine: FakeEngine, app: Awaited<ReturnType<typeof injectable>>['app'], key: string | undefined, fields: object): Promise<Array<string | undefined>> {
  const seen = (): Array<{ cacheSalt?: string | undefined }> => [...engine.chats, ...engine.completions, ...engine.embeds]
  const salts = []
  for (const [url, payload] of Object.entries(payloads)) {
    const before = new Set(seen())
    const headers = key === undefined ? {} : { authorization: `Bearer ${key}` }
    const { statusCode, body } = await app.inject({ method: 'POST', url, payload: { model: 'fake', ...payload, ...fields }, headers })
    if (statusCode !== 200) throw new Error(`${url}: ${body}`)
    salts.push(seen().find(options => !before.has(options))!.cacheSalt)
  }
  return salts
}

t.test('every generating route has the cached prompts of its key alone, whatever salt a request brings', async t => {
  const engine = new FakeEngine()
  const { app } = await injectable(t, engine, { apiKeys: ['a', 'b'] })
  const [a, again, salted] = [await saltsOf(engine, app, 'a', {}), await saltsOf(engine, app, 'a', {}), await saltsOf(engine, app, 'a', { cache_salt: 's' })]
  const b = await saltsOf(engine, app, 'b', {})
  t.equal(new Set(a).size, 1, 'one for all routes')
  t.same(again, a)
  t.equal(new Set([a[0], salted[0], b[0]]).size, 3)
  const forged = await saltsOf(engine, app, 'b', { cache_salt: a[0] })
  t.notOk(forged.includes(a[0]), 'not even with the other key\'s own salt')
  t.notMatch(a[0], /^\["a"/, 'the key is no part of it')
})

t.test('sessions are each key\'s own, also where cached prompts are shared', async t => {
  const engine = new FakeEngine()
  const { app } = await injectable(t, engine, { apiKeys: ['a', 'b'], sharePrefixes: true })
  t.same(await saltsOf(engine, app, 'b', { cache_salt: 's' }), ['s', 's', 's', 's'])
  for (const key of ['a', 'b']) await app.inject({ method: 'POST', url: '/v1/completions', payload: { model: 'fake', prompt: 'hi', session_id: 'x' }, headers: { authorization: `Bearer ${key}` } })
  const [one, other] = engine.completions.slice(-2).map(({ sessionId }) => sessionId)
  t.ok(one !== undefined && other !== undefined && one !== other)
})

t.test('without keys salts and sessions are what requests say', async t => {
  const engine = new FakeEngine()
  const { app } = await injectable(t, engine)
  t.same(await saltsOf(engine, app, undefined, {}), [undefined, undefined, undefined, undefined])
  t.same(await saltsOf(engine, app, undefined, { cache_salt: 's' }), ['s', 's', 's', 's'])
})

t.test('cached_tokens does not tell one key what another has sent', async t => {
  const engine = await loadTinyEngine()
  t.teardown(async () => { await engine.close() })
  for (const sharePrefixes of [false, true]) {
    const { app, host } = buildServer(engine, { logLevel: 'silent', apiKeys: ['a', 'b'], sharePrefixes })
    t.teardown(async () => { await app.close() })
    await host.settled
    const prompt = Array.from({ length: 64 }, (_, i) => 10 + (i * 7 + (sharePrefixes ? 1 : 0)) % 50)
    const cachedOf = async (key: string): Promise<number> => {
      const { usage } = (await app.inject({ method: 'POST', url: '/v1/completions', payload: { model: engine.modelName, prompt, max_tokens: 1 }, headers: { authorization: `Bearer ${key}` } })).json()
      return usage.prompt_tokens_details.cached_tokens
    }
    t.equal(await cachedOf('a'), 0)
    t.ok(await cachedOf('a') > 0, 'the key itself finds it again')
    const other = await cachedOf('b')
    t.equal(other > 0, sharePrefixes, `${other} cached tokens`)
  }
})
