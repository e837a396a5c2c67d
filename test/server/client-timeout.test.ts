import t from 'tap'
import { clientGivesUpMs } from '../../src/server/client-timeout.js'
import { FakeEngine } from '../support/fake-engine.js'
import { eventually, listening } from '../support/http.js'

t.test('the header is seconds, rounded down by its sender; what cannot be meant counts as none', t => {
  t.equal(clientGivesUpMs('600'), 601_000)
  t.equal(clientGivesUpMs('10.0'), 11_000)
  t.equal(clientGivesUpMs('0.5'), 1000)
  t.equal(clientGivesUpMs('86400'), 86_401_000)
  for (const absurd of [undefined, '', '0', '0.0', '-1', 'NaN', 'Infinity', '1e3', '0x10', ' 5', '5s', '86401', '99999999999', 'NOT_GIVEN', '1,2', ['1', '2']]) {
    t.equal(clientGivesUpMs(absurd), undefined, JSON.stringify(absurd))
  }
  t.end()
})

const body = { model: 'fake', messages: [{ role: 'user', content: 'hello' }] }

t.test('a request whose answer has not begun when its client gives up is dropped; streams that run and others go on', async t => {
  const slow = new FakeEngine({ modelName: 'slow' })
  const streaming = new FakeEngine({ answer: Array.from({ length: 30 }, () => 'la '), tokenMs: 100 })
  const [slowServer, server] = [await listening(t, slow), await listening(t, streaming)]
  const post = async (url: string, model: string, extra: object, headers: Record<string, string>): Promise<Response> => await fetch(`${url}/v1/chat/completions`, {
    method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify({ ...body, model, ...extra })
  })
  slow.options = { modelName: 'slow', prefillMs: 60_000 }
  const before = slow.ended.length
  const start = performance.now()
  const untilDropped = async (extra: object, header: string): Promise<void> => {
    const response = await post(slowServer.url, 'slow', extra, { 'x-stainless-timeout': header })
    t.equal(response.status, 408)
    t.match(await response.json(), { error: { code: 'ERR_CLIENT_TIMEOUT', type: 'invalid_request_error', param: null } })
  }
  const streamed = post(server.url, 'fake', { stream: true }, { 'x-stainless-timeout': '1' })
  const whole = post(server.url, 'fake', {}, { 'x-stainless-timeout': '20' })
  const absurd = new AbortController()
  const untouched = fetch(`${slowServer.url}/v1/chat/completions`, {
    method: 'POST', headers: { 'content-type': 'application/json', 'x-stainless-timeout': '0' }, body: JSON.stringify({ ...body, model: 'slow' }), signal: absurd.signal
  }).then(() => 'answered', () => 'left')
  await Promise.all([untilDropped({}, '1'), untilDropped({ stream: true }, '1')])
  const tookMs = performance.now() - start
  t.ok(tookMs >= 1900 && tookMs < 4000, `${tookMs} ms`)
  await eventually(() => slow.ended.length === before + 2, 'the engine is told')
  t.same(slow.ended.slice(before), ['abort', 'abort'])
  t.equal(slow.running, 1, 'the one with an absurd header still waits')
  absurd.abort()
  t.equal(await untouched, 'left')
  const text = await (await streamed).text()
  t.equal(text.match(/la /g)?.length, 30, 'it took three seconds, and its client read all of it')
  t.match(text, /\[DONE\]/)
  t.equal((await whole).status, 200)
})

t.test('an answer in time leaves no timer behind', async t => {
  const server = await listening(t, new FakeEngine())
  const timers = (): number => process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
  const before = timers()
  for (let i = 0; i < 20; i++) {
    const response = await fetch(`${server.url}/v1/chat/completions`, {
      method: 'POST', headers: { 'content-type': 'application/json', 'x-stainless-timeout': '600' }, body: JSON.stringify(body)
    })
    await response.text()
  }
  await eventually(() => timers() <= before + 5, 'few timers')
})
