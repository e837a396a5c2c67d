import { Validator } from '@seriousme/openapi-schema-validator'
import t from 'tap'
import { buildServer } from '../../src/server/index.js'
import { chatRequest } from '../../src/server/schemas/chat-request.js'
import { embeddingsRequest } from '../../src/server/schemas/embeddings-request.js'
import { FakeEngine } from '../support/fake-engine.js'
import { injectable, routesOf } from '../support/http.js'

t.test('every route is described, and nothing else', async t => {
  const { app } = await injectable(t, new FakeEngine(), { adminKey: 'root' })
  const { paths } = (await app.inject('/openapi.json')).json()
  const described = Object.entries<object>(paths).flatMap(([path, methods]) => Object.keys(methods).map(method => `${method.toUpperCase()} ${path}`))
  t.ok(described.length >= 15)
  const known = routesOf(app).filter(({ method }) => method !== 'HEAD')
  t.same(described.sort(), known.map(({ method, url }) => `${method} ${url.replace(/:(\w+)/g, '{$1}').replace('*', '{id}')}`).sort())
  for (const methods of Object.values<any>(paths)) {
    for (const operation of Object.values<any>(methods)) t.type(operation.summary, 'string')
  }
})

t.test('the document is valid OpenAPI 3.1', async t => {
  const { app } = await injectable(t, new FakeEngine())
  const response = await app.inject('/openapi.json')
  t.match(response.headers['content-type'], /^application\/json/)
  const validator = new Validator()
  const { valid, errors } = await validator.validate(response.json())
  t.ok(valid, JSON.stringify(errors))
  t.equal(validator.version, '3.1')
  const broken = response.json()
  broken.paths['/health'].get.parameters = [{ name: 'a' }]
  t.notOk((await new Validator().validate(broken)).valid, 'the validator can fail')
})

t.test('the bodies are the schemas by which requests are checked', async t => {
  const { app } = await injectable(t, new FakeEngine())
  const { paths } = (await app.inject('/openapi.json')).json()
  const bodyOf = (path: string): unknown => paths[path].post.requestBody.content['application/json'].schema
  t.same(bodyOf('/v1/chat/completions'), JSON.parse(JSON.stringify(chatRequest)))
  t.same(bodyOf('/v1/embeddings'), JSON.parse(JSON.stringify(embeddingsRequest)))
  t.same(paths['/v1/responses/{id}/input_items'].get.parameters.map((parameter: any) => `${parameter.in} ${parameter.name}`),
    ['path id', 'query limit', 'query order', 'query after'])
})

t.test('what needs no key says so, and the document itself needs one', async t => {
  const { app } = buildServer(new FakeEngine(), { logLevel: 'silent', apiKeys: ['k'] })
  t.teardown(async () => { await app.close() })
  t.equal((await app.inject('/openapi.json')).statusCode, 401)
  const { paths } = (await app.inject({ url: '/openapi.json', headers: { authorization: 'Bearer k' } })).json()
  const open = Object.keys(paths).filter(path => paths[path].get?.security?.length === 0)
  t.same(open.sort(), ['/api/version', '/health'])
})
