import t from 'tap'
import { Engine } from '../../src/index.js'
import { loadTinyEngine } from '../support/tiny-engine.js'

t.test('an engine serves itself, and is as it was when its server is closed', async t => {
  const engine = await loadTinyEngine()
  t.teardown(async () => { await engine.close() })
  t.ok(engine instanceof Engine)
  const server = await engine.listen({ port: 0, logLevel: 'silent', apiKey: ['one'] })
  t.teardown(async () => { await server.close() })
  await server.host.settled
  t.equal((await fetch(`${server.url}/health`)).status, 200)
  t.equal((await fetch(`${server.url}/v1/models`)).status, 401)
  const response = await fetch(`${server.url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer one' },
    body: JSON.stringify({ model: engine.modelName, prompt: [1, 2, 3], max_tokens: 4, ignore_eos: true })
  })
  t.match(await response.json(), { usage: { completion_tokens: 4 } })
  await server.close()
  await t.rejects(fetch(`${server.url}/health`))
  t.equal((await engine.complete({ prompt: [1, 2], maxTokens: 2, ignoreEos: true }).result()).usage.completionTokens, 2)
})

t.test('what cannot be listened on is refused with the option\'s name', async t => {
  const engine = await loadTinyEngine()
  t.teardown(async () => { await engine.close() })
  await t.rejects(engine.listen({ port: -1 }), { code: 'ERR_INVALID_OPTION', param: 'port' })
  await t.rejects(engine.listen({ host: '0.0.0.0' }), { code: 'ERR_API_KEY_REQUIRED' })
})
