import t from 'tap'
import { parseOrigins } from '../../src/server/cors.js'
import { FakeEngine } from '../support/fake-engine.js'
import { injectable } from '../support/http.js'

const origin = 'https://chat.example.org'
const preflight = { method: 'OPTIONS' as const, url: '/v1/chat/completions', headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization, content-type,x-stainless-os' } }

t.test('pages of the origins that are named may use the API, and see its errors; others may not', async t => {
  const { app } = await injectable(t, new FakeEngine(), { apiKeys: ['k'], corsOrigins: [origin] })
  const allowed = await app.inject(preflight)
  t.equal(allowed.statusCode, 204)
  t.match(allowed.headers, {
    'access-control-allow-origin': origin, 'access-control-allow-methods': /POST/, 'access-control-allow-headers': preflight.headers['access-control-request-headers'], vary: 'Origin'
  })
  const refused = await app.inject({ method: 'POST', url: '/v1/chat/completions', headers: { origin }, payload: {} })
  t.equal(refused.statusCode, 401)
  t.equal(refused.headers['access-control-allow-origin'], origin, 'or the page would see no error')
  t.match(refused.headers['access-control-expose-headers'], /x-request-id.*retry-after-ms/)
  const stream = await app.inject({
    method: 'POST', url: '/v1/chat/completions', headers: { origin, authorization: 'Bearer k' }, payload: { model: 'fake', stream: true, messages: [{ role: 'user', content: 'hi' }] }
  })
  t.equal(stream.statusCode, 200)
  t.equal(stream.headers['access-control-allow-origin'], origin)
  for (const other of ['https://evil.example.org', `${origin}.evil.org`, 'null', origin.toUpperCase(), `${origin}:8443`]) {
    const response = await app.inject({ ...preflight, headers: { ...preflight.headers, origin: other } })
    t.equal(response.headers['access-control-allow-origin'], undefined, other)
    t.equal(response.headers['access-control-allow-headers'], undefined, other)
  }
})

t.test('a star lets every page in, and odd header names are not echoed', async t => {
  const { app } = await injectable(t, new FakeEngine(), { corsOrigins: ['*'] })
  t.match((await app.inject(preflight)).headers, { 'access-control-allow-origin': '*' })
  for (const odd of ['a\tb', 'x'.repeat(10) + '=1', '', 'a,,b', Array(200).fill('a').join(',')]) {
    const { headers } = await app.inject({ ...preflight, headers: { ...preflight.headers, 'access-control-request-headers': odd } })
    t.equal(headers['access-control-allow-headers'], 'authorization, content-type', odd.slice(0, 20))
  }
})

t.test('without origins there are no such headers at all', async t => {
  const { app } = await injectable(t, new FakeEngine())
  for (const request of [preflight, { url: '/v1/models', headers: { origin } }]) {
    const names = Object.keys((await app.inject(request)).headers)
    t.same(names.filter(name => name.startsWith('access-control') || name === 'vary'), [])
  }
})

t.test('what is no origin is refused by name', t => {
  t.same(parseOrigins(`${origin}, http://localhost:3000`), [origin, 'http://localhost:3000'])
  t.same(parseOrigins(), [])
  for (const odd of ['chat.example.org', `${origin}/`, `${origin}/path`, 'https://*.example.org', 'null']) {
    t.throws(() => parseOrigins(odd), { code: 'ERR_INVALID_OPTION', param: 'corsOrigin', message: /--cors-origin/ }, odd)
  }
  t.end()
})
