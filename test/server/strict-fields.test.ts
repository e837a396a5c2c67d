import t from 'tap'
import { FakeEngine } from '../support/fake-engine.js'
import { injectable } from '../support/http.js'

const chat = (extra: object) => ({ method: 'POST' as const, url: '/v1/chat/completions', payload: { model: 'fake', messages: [{ role: 'user', content: 'hi' }], ...extra } })
const complete = (extra: object) => ({ method: 'POST' as const, url: '/v1/completions', payload: { model: 'fake', prompt: 'hi', ...extra } })

t.test('a strict server refuses fields that nobody knows, with the nearest one that is known', async t => {
  const engine = new FakeEngine()
  const { app } = await injectable(t, engine, { strictFields: true })
  for (const request of [chat, complete]) {
    const refused = await app.inject(request({ temprature: 1 }))
    t.equal(refused.statusCode, 400)
    t.match(refused.json().error, { param: 'temprature', message: /--strict-fields.* Did you mean temperature\?/ })
    t.equal((await app.inject(request({ best_of: 3 }))).json().error.code, 'unsupported_parameter', 'what is known and not done is refused as ever')
    t.equal((await app.inject(request({ temperature: 1, user: 'me', top_k: 5, unknown: null }))).statusCode, 200)
  }
  t.notMatch((await app.inject(chat({ [`a\n${'x'.repeat(5000)}`]: 1 }))).body, /x{100}/, 'odd names are not sent back whole')
  t.equal(engine.chats.length, 1)
})

t.test('others ignore them by name', async t => {
  const { app } = await injectable(t, new FakeEngine())
  const response = await app.inject(chat({ temprature: 1 }))
  t.equal(response.statusCode, 200)
  t.equal(response.headers['x-millrace-ignored-fields'], 'temprature')
})
