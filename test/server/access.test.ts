import { get } from 'node:http'
import t from 'tap'
import { ApiKeys, isLoopback, parseApiKeys } from '../../src/server/api-key.js'
import { buildServer, listen } from '../../src/server/index.js'
import { FakeEngine } from '../support/fake-engine.js'
import { injectable, listening, routesOf } from '../support/http.js'

t.test('every route needs the key, except health and the version for probes', async t => {
  const { app } = buildServer(new FakeEngine(), { logLevel: 'silent', apiKeys: ['right'], adminKey: 'root' })
  t.teardown(async () => { await app.close() })
  const routes = routesOf(app).map(({ method, url }) => ({ method, url: url.replace('*', 'fake').replace(':id', 'resp_1') }))
  t.ok(routes.length >= 20, `${routes.length} routes`)
  const open: string[] = []
  for (const { method, url } of routes) {
    const response = await app.inject({ method: method as 'GET', url })
    if (response.statusCode === 401) {
      if (method !== 'HEAD') t.match(response.json().error, { code: 'invalid_api_key', type: 'invalid_request_error', param: null })
    } else open.push(`${method} ${url}`)
  }
  t.same(open.sort(), ['GET /api/version', 'GET /health', 'HEAD /api/version', 'HEAD /health'])
  t.equal((await app.inject('/unknown')).statusCode, 401, 'not even which paths exist is told')
  for (const url of ['/v1/chat/completions', '/admin/drain', '/unknown']) t.equal((await app.inject({ method: 'OPTIONS', url })).statusCode, 401, `OPTIONS ${url} neither`)
  const options = await app.inject({ method: 'OPTIONS', url: '/v1/chat/completions', headers: { authorization: 'Bearer right' } })
  t.equal(options.statusCode, 204)
  t.equal(options.headers.allow, 'POST')
  t.notOk(Object.keys(options.headers).some(name => name.startsWith('access-control')), 'CORS is off')
})

t.test('the right key opens, wrong and missing ones do not, and several keys may be valid', async t => {
  const { app } = await injectable(t, new FakeEngine(), { apiKeys: ['one', 'two'] })
  const status = async (authorization?: string): Promise<number> =>
    (await app.inject({ url: '/v1/models', headers: authorization === undefined ? {} : { authorization } })).statusCode
  t.equal(await status('Bearer one'), 200)
  t.equal(await status('bearer  two'), 200)
  for (const wrong of [undefined, 'Bearer', 'Bearer ', 'Bearer three', 'Bearer one two', 'Bearer on', 'Basic one', 'one']) {
    t.equal(await status(wrong), 401, wrong ?? 'none')
  }
})

t.test('no key configured lets everybody in', t => {
  t.doesNotThrow(() => { new ApiKeys([]).check(undefined) })
  t.same(parseApiKeys(' a, b,,c '), ['a', 'b', 'c'])
  t.same(parseApiKeys(undefined), [])
  t.end()
})

t.test('listening beyond loopback without a key is refused before the port opens', async t => {
  for (const host of ['0.0.0.0', '::', '192.168.1.5', 'example.org']) {
    await t.rejects(listen(new FakeEngine(), { host, port: 0 }), { code: 'ERR_API_KEY_REQUIRED', message: /--api-key/ })
  }
  await t.rejects(listen(new FakeEngine(), { host: '0.0.0.0', port: 0, apiKey: ' , ' }), { code: 'ERR_API_KEY_REQUIRED' }, 'a list of nothing is no key')
  const open = await listening(t, new FakeEngine(), { host: '0.0.0.0', insecureNoApiKey: true })
  t.match(open.url, /^http:\/\/127\.0\.0\.1:\d+$/, 'an address that a client can use')
  const guarded = await listening(t, new FakeEngine(), { host: '0.0.0.0', apiKey: 'k' })
  t.equal((await fetch(`${guarded.url}/v1/models`)).status, 401)
})

t.test('loopback is told from other addresses', t => {
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', '[::1]', 'localhost', 'LOCALHOST', 'app.localhost', '::ffff:127.0.0.1']) t.ok(isLoopback(host), host)
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '128.0.0.1', '127.0.0.1.evil.org', 'localhost.evil.org', '']) t.notOk(isLoopback(host), host)
  t.end()
})

t.test('a port in use is a clear error that names it', async t => {
  const { port } = await listening(t, new FakeEngine())
  await t.rejects(listen(new FakeEngine(), { port, logLevel: 'silent' }), { code: 'ERR_PORT_IN_USE', message: new RegExp(`Port ${port} .*--port`) })
  await t.rejects(listen(new FakeEngine(), { port: 0, host: '203.0.113.7', apiKey: 'k', logLevel: 'silent' }), { code: 'ERR_LISTEN', message: /does not have that address/ })
})

t.test('options of listen that do not exist, or cannot be, are refused by name', async t => {
  await t.rejects(listen(new FakeEngine(), { prot: 1 } as object), { code: 'ERR_INVALID_OPTION', message: 'There is no option prot. Did you mean port?' })
  await t.rejects(listen(new FakeEngine(), { port: 70000 }), { code: 'ERR_INVALID_OPTION', message: /port is 70000/ })
  await t.rejects(listen(new FakeEngine(), { pingIntervalMs: 0 }), { code: 'ERR_INVALID_OPTION' })
})

t.test('a server without a key, for this machine alone, answers to no public name', async t => {
  const local = await listening(t, new FakeEngine())
  const status = async (port: number, path: string, host: string): Promise<number> => await new Promise((resolve, reject) => {
    get({ port, host: '127.0.0.1', path, headers: { host } }, response => {
      response.resume()
      resolve(response.statusCode!)
    }).on('error', reject)
  })
  for (const host of ['localhost', 'LOCALHOST:8000', 'localhost.', `127.0.0.1:${local.port}`, '[::1]:8000', '::1', '10.0.0.1', 'app.localhost', 'millrace:8000', 'host.docker.internal:8000', 'mill.local']) t.equal(await status(local.port, '/v1/models', host), 200, host)
  // A page may lead its own name to 127.0.0.1 (DNS rebinding), and is of this server's origin to its browser then.
  for (const host of ['evil.example.org', 'evil.example.org:8000', '127.0.0.1.evil.org', 'localhost.evil.org:80', 'evil.org.', 'xn--mnchen-3ya.de', 'internal.evil.org']) {
    t.equal(await status(local.port, '/v1/models', host), 403, host)
    t.equal(await status(local.port, '/nothing', host), 403, `${host}: not even which paths exist`)
  }
  t.equal(await status(local.port, '/health', 'evil.example.org'), 200, 'probes come by any name')
  for (const options of [{ apiKey: 'k' }, { insecureNoApiKey: true }]) {
    const other = await listening(t, new FakeEngine(), options)
    t.not(await status(other.port, '/v1/models', 'chat.example.org'), 403, 'a key, or the word that none is needed, lets any name in')
  }
})
