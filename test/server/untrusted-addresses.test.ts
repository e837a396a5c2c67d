import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { FakeEngine } from '../support/fake-engine.js'
import { injectable } from '../support/http.js'

const chat = (extra: object) => ({ method: 'POST' as const, url: '/v1/chat/completions', payload: { model: 'fake', messages: [{ role: 'user', content: 'hi' }], ...extra } })

t.test('no address and no path of a request is ever opened', async t => {
  let visits = 0
  const server = createServer((_, response) => { visits++; response.end() }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  const web = `http://127.0.0.1:${(server.address() as AddressInfo).port}/image.png`
  const engine = new FakeEngine()
  const { app } = await injectable(t, engine)
  for (const url of [web, 'file:///etc/passwd', '/etc/passwd', 'data:image/png;base64,AAAA']) {
    for (const part of [{ type: 'image_url', image_url: { url } }, { type: 'image_url', image_url: url }, { type: 'input_audio', input_audio: { data: url, format: 'wav' } }, { type: 'file', file: { file_data: url, file_id: url } }, { type: 'video_url', video_url: { url } }]) {
      const response = await app.inject(chat({ messages: [{ role: 'user', content: [{ type: 'text', text: 'look' }, part] }] }))
      t.equal(response.statusCode, 400, JSON.stringify(part))
      t.match(response.json().error.param, /^messages\[0\]\.content/)
    }
    t.equal((await app.inject(chat({ model: url }))).statusCode, 404)
    t.equal((await app.inject(chat({ chat_template: url }))).statusCode, 400)
  }
  t.equal(visits, 0)
  t.same(engine.chats, [])
})
