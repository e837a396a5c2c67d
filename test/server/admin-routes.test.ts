import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { FakeEngine } from '../support/fake-engine.js'
import { injectable } from '../support/http.js'

const post = (url: string, key?: string) => ({ method: 'POST' as const, url, headers: key === undefined ? {} : { authorization: `Bearer ${key}` } })
const routes = ['/admin/clear-prefix-cache', '/admin/reload-keys', '/admin/drain']

t.test('routes of the admin answer the admin key only, also where no other key is needed', async t => {
  for (const apiKeys of [['user'], []]) {
    const { app, host } = await injectable(t, new FakeEngine(), { apiKeys, adminKey: 'root' })
    for (const url of routes) {
      for (const key of [undefined, 'user', 'roo', 'root2']) {
        const response = await app.inject(post(url, key))
        t.equal(response.statusCode, 401, `${url} with ${key}`)
        t.match(response.json().error, { code: 'invalid_api_key', message: /admin key/ })
      }
    }
    t.equal(host.state, 'ready')
    t.equal((await app.inject({ url: '/metrics', headers: { authorization: 'Bearer root' } })).statusCode, 200, 'the admin key opens the rest too')
  }
})

t.test('without an admin key there are no such routes', async t => {
  const { app } = await injectable(t, new FakeEngine())
  for (const url of routes) t.equal((await app.inject(post(url))).statusCode, 404, url)
})

t.test('the admin clears prefix caches, exchanges keys, and takes the server out of rotation', async t => {
  const path = join(t.testdir({}), 'keys')
  writeFileSync(path, 'before\n', { mode: 0o600 })
  const engine = Object.assign(new FakeEngine(), { cleared: 0, clearPrefixCache: () => { engine.cleared++ } })
  const { app } = await injectable(t, engine, { apiKeyFile: path, adminKey: 'root' })
  t.equal((await app.inject(post('/admin/clear-prefix-cache', 'root'))).statusCode, 200)
  t.equal(engine.cleared, 1)
  writeFileSync(path, 'after\n')
  t.equal((await app.inject(post('/admin/reload-keys', 'root'))).statusCode, 200)
  t.equal((await app.inject({ url: '/v1/models', headers: { authorization: 'Bearer after' } })).statusCode, 200)
  t.equal((await app.inject({ url: '/v1/models', headers: { authorization: 'Bearer before' } })).statusCode, 401)
  writeFileSync(path, 'bad line here\n')
  const failed = await app.inject(post('/admin/reload-keys', 'root'))
  t.equal(failed.statusCode, 500)
  t.notMatch(failed.body, path, 'no path in an answer')
  const drained = await app.inject(post('/admin/drain', 'root'))
  t.same(drained.json(), { status: 'draining', active_requests: 0 })
  t.equal((await app.inject('/health')).statusCode, 503)
})
