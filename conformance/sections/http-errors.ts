import { gzipSync } from 'node:zlib'
import { expectRefusal, okBody, place } from '../lib/answers.js'
import { send, type Answer } from '../lib/http.js'
import { readResponse } from '../lib/raw-connection.js'
import type { Checks } from '../lib/run.js'
import type { Target } from '../lib/target.js'
import { expect, fail, notApplicable, show } from '../lib/verdict.js'

const chatPath = '/v1/chat/completions'
const json = { 'content-type': 'application/json' }

export const httpErrors: Checks = {
  1: async target => {
    needKey(target)
    okBody(await target.chat(), 'a request with the right key')
    for (const { answer, what } of await unauthorized(target)) {
      expect(answer.status === 401, `${what} got ${answer.status}`)
      expectErrorObject(answer, what)
    }
  },
  2: async target => {
    for (const { answer, what } of await mistakes(target)) expectErrorObject(answer, what)
  },
  3: async target => {
    needKey(target)
    for (const { answer, what } of await unauthorized(target)) {
      const { type, code } = answer.json?.error ?? {}
      expect(type === 'invalid_request_error' && code === 'invalid_api_key', `${what} got the type ${show(type)} and the code ${show(code)}`)
    }
  },
  4: async target => {
    const answer = await target.chat({ model: 'no-such-model-7' })
    expect(answer.status === 404, `an unknown model got ${answer.status}`)
    const { code, message } = answer.json?.error ?? {}
    expect(code === 'model_not_found', `the code is ${show(code)}`)
    expect(String(message).includes('no-such-model-7'), `the message does not name the model: ${show(message)}`)
  },
  5: async target => {
    const answer = await tooLong(target)
    expect(answer.status === 400, `a prompt beyond the context got ${answer.status}`)
    const { code, message } = answer.json?.error ?? {}
    expect(code === 'context_length_exceeded', `the code is ${show(code)}`)
    expect((String(message).replaceAll(/(?<=\d)[,_](?=\d{3})/g, '').match(/\d+/g) ?? []).length >= 2, `the message lacks a number: ${show(message)}`)
  },
  6: async target => {
    for (const body of ['{', '', '{"model": "x",}', 'no json', Buffer.from([0x7b, 0xff, 0xfe, 0x7d])]) {
      const answer = await target.send(chatPath, { body, headers: json })
      expect(answer.status === 400 && answer.json !== undefined, `the body ${show(JSON.stringify(body.toString()))} got ${answer.status}: ${show(answer.text)}`)
    }
    const raw = target.raw()
    raw.write(`${target.head('POST', chatPath, { ...json, 'content-length': 1 })}\r\n{`)
    await raw.until(text => readResponse(text) !== undefined, 'an answer to a body of "{"')
    const first = readResponse(raw.received)!
    if (first.headers['connection']?.toLowerCase() !== 'close') {
      raw.write(`${target.head('GET', '/v1/models')}\r\n`)
      await raw.until(text => readResponse(text.slice(first.length)) !== undefined, 'another request after a body of "{"')
    }
    raw.close()
  },
  7: async target => {
    const wrong: ReadonlyArray<[object, RegExp]> = [
      [{ temperature: 'hot' }, /^temperature$/],
      [{ messages: 'hello' }, /^messages$/],
      [{ messages: [{ role: 'user', content: 5 }] }, place('messages', 0, 'content')],
      [{ max_tokens: '5' }, /^max_tokens$/],
      [{ stream: 'yes' }, /^stream$/]
    ]
    for (const [fields, param] of wrong) {
      expectRefusal(await target.chat(fields), show(fields), { statuses: [400, 422], param })
    }
  },
  8: async target => {
    await target.chatOk({ x_vendor_field: { a: [1] }, another_one: 'x' }, 'a request with unknown fields')
  },
  9: async target => {
    const method = await target.send(chatPath, { method: 'GET' })
    expect(method.status === 405, `GET ${chatPath} got ${method.status}`)
    const unknown = await target.send('/v1/no/such/path')
    expect(unknown.status === 404, `an unknown path got ${unknown.status}`)
    expect(unknown.json?.error !== undefined, `the 404 is no JSON error: ${show(unknown.text)}`)
  },
  10: async target => {
    const type = await target.chat({}, { body: 'model=x', headers: { 'content-type': 'application/x-www-form-urlencoded' } })
    expect(type.status === 415 || type.status === 400, `a form got ${type.status}`)
    const raw = target.raw()
    raw.write(`${target.head('POST', chatPath, { ...json, 'content-length': 8 * 2 ** 30 })}\r\n{"model":"${' '.repeat(1000)}`)
    const what = 'a refusal of a body that is announced with 8 GiB'
    await raw.until(text => readResponse(text) !== undefined, what, target.sizes.earlyRefusalMs)
    const { status, body } = readResponse(raw.received)!
    raw.close()
    expect(status === 413, `a body that is announced with 8 GiB got ${status}`)
    expect(body.includes('"error"'), `the 413 is no JSON error: ${show(body)}`)
  },
  11: async target => {
    const { overload } = target.sizes
    const controller = new AbortController()
    const body = target.chatBody({ max_tokens: 500, ignore_eos: true, stream: true })
    const refused = await new Promise<Answer | undefined>(resolve => {
      const all = Array.from({ length: overload }, async () => {
        const answer = await target.send(chatPath, { body, signal: controller.signal, timeoutMs: 20_000 }).catch(() => undefined)
        if (answer?.status === 429 || answer?.status === 503) resolve(answer)
      })
      void Promise.all(all).then(() => { resolve(undefined) })
    })
    controller.abort()
    await target.recovers()
    if (refused === undefined) fail(`none of ${overload} requests at once was refused (--full tries more)`)
    const seconds = Number(refused.headers['retry-after'])
    expect(seconds > 0 && seconds <= 60, `${refused.status} came with Retry-After ${show(refused.headers['retry-after'])}`)
    expect(Number(refused.headers['retry-after-ms']) > 0, `${refused.status} came with retry-after-ms ${show(refused.headers['retry-after-ms'])}`)
  },
  12: async target => {
    const badSchema = { response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'no-such-type' } } } }
    const cases = [[await tooLong(target), 'a prompt beyond the context'], [await target.chat(badSchema), 'a schema that is none']] as const
    for (const [answer, what] of cases) {
      expect(answer.status >= 400 && answer.status < 500, `${what} got ${answer.status}`)
      expect(answer.headers['x-should-retry'] === 'false', `${what} got x-should-retry ${show(answer.headers['x-should-retry'])}`)
    }
  },
  13: async target => {
    const answers = [{ answer: await target.chat(), what: 'an answer' }, ...await mistakes(target)]
    for (const { answer, what } of answers) {
      expect(typeof answer.headers['x-request-id'] === 'string' && answer.headers['x-request-id'] !== '', `${what} got no x-request-id`)
    }
    const echoed = await target.chat({}, { headers: { 'x-request-id': 'conformance-13' } })
    expect(echoed.headers['x-request-id'] === 'conformance-13', `the request's own id came back as ${show(echoed.headers['x-request-id'])}`)
    const viaClient = await target.openai().chat.completions.create(target.chatBody() as any)
    expect(typeof viaClient._request_id === 'string', 'OpenAI\'s client finds no _request_id')
  },
  14: async target => {
    okBody(await target.chat({}, { headers: { 'x-stainless-timeout': '600', 'x-stainless-retry-count': '1', 'x-stainless-lang': 'js' } }), 'a request with X-Stainless headers')
  },
  15: async target => {
    const headers = { 'openai-organization': 'org-1', 'openai-project': 'proj_1', 'openai-beta': 'assistants=v2', 'user-agent': 'Odd/1 (é)' }
    okBody(await target.chat({}, { headers }), 'a request with OpenAI\'s headers')
  },
  16: async target => {
    const origin = 'http://localhost:3000'
    const preflight = await target.send(chatPath, {
      method: 'OPTIONS',
      headers: { authorization: '', origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,content-type' }
    })
    const answer = await target.send('/v1/models', { headers: { origin } })
    if (preflight.headers['access-control-allow-origin'] === undefined && answer.headers['access-control-allow-origin'] === undefined) {
      notApplicable('CORS is off')
    }
    expect(preflight.status < 300, `the preflight got ${preflight.status}`)
    for (const [header, word] of [['methods', 'post'], ['headers', 'authorization']] as const) {
      const allowed = String(preflight.headers[`access-control-allow-${header}`]).toLowerCase()
      expect(allowed.includes(word) || allowed === '*', `access-control-allow-${header} is ${allowed}`)
    }
  },
  17: async target => {
    for (const { answer, what } of [...await mistakes(target), { answer: await tooLong(target), what: 'a prompt beyond the context' }]) {
      const found = /Traceback|\n\s+at |node_modules|\.(?:cpp|py|js|ts|go|rs):\d+|(?<![\w/])\/(?:home|usr|root|opt|tmp|var|work|app|src)\/|\b0x[0-9a-f]{6,}/i.exec(answer.text.replaceAll('\\n', '\n'))
      expect(found === null, `${what} tells of the server's inside: ${show(found?.[0])}`)
    }
  },
  18: async target => {
    const { sequential, idleMs } = target.sizes
    const raw = target.raw()
    const request = `${target.head('GET', '/v1/models')}\r\n`
    for (let i = 1; i <= sequential + 1; i++) {
      if (i > sequential) await new Promise(resolve => setTimeout(resolve, idleMs))
      const what = i > sequential ? `a request after ${idleMs / 1000} s of silence` : `request ${i} over one connection`
      raw.received = ''
      raw.write(request)
      await raw.until(text => readResponse(text) !== undefined, what)
      const { status } = readResponse(raw.received)!
      expect(status === 200, `${what} got ${status}`)
    }
    raw.close()
  },
  19: async target => {
    const body = JSON.stringify(target.chatBody({ max_tokens: 1 }))
    const raw = target.raw()
    raw.write(`${target.head('POST', chatPath, { ...json, 'transfer-encoding': 'chunked' })}\r\n`)
    for (let at = 0; at < body.length; at += 37) {
      const piece = body.slice(at, at + 37)
      raw.write(`${piece.length.toString(16)}\r\n${piece}\r\n`)
    }
    raw.write('0\r\n\r\n')
    await raw.until(text => readResponse(text) !== undefined, 'an answer to a chunked body', 30_000)
    const { status } = readResponse(raw.received)!
    raw.close()
    expect(status === 200, `a chunked body got ${status}`)
    okBody(await target.chat({ max_tokens: 1 }), 'a body with Content-Length')
    const gzip = { ...json, 'content-encoding': 'gzip' }
    const zipped = await target.send(chatPath, { body: gzipSync(body), headers: gzip })
    expect(zipped.status === 415 || zipped.status === 200, `a gzip body got ${zipped.status}`)
    if (zipped.status === 200) {
      const bomb = await target.send(chatPath, { body: gzipSync(Buffer.alloc(100 * 2 ** 20, 0x20)), headers: gzip })
      expect(bomb.status === 413, `gzip of 100 MiB of spaces got ${bomb.status}`)
    }
  },
  20: async target => {
    const health = await target.send('/health')
    expect(health.status === 200, `/health got ${health.status}`)
    await target.chatOk({ max_tokens: 1 }, 'a request while /health is 200')
    const instance = await target.options.start?.()
    if (instance === undefined) return
    try {
      const loading = await firstHealth(new URL('/health', instance.url), target)
      if (loading.status === 200) return
      const type: unknown = loading.json?.error?.type
      expect(loading.status === 503 && type === 'unavailable_error', `while loading, /health got ${loading.status} of the type ${show(type)}`)
    } finally {
      instance.terminate()
      await instance.exited
    }
  }
}

function needKey (target: Target): void {
  if (target.options.apiKey === undefined) notApplicable('no --api-key was given, so that none can be wrong')
}

interface Mistake {
  readonly answer: Answer
  readonly what: string
}

async function unauthorized (target: Target): Promise<Mistake[]> {
  const body = target.chatBody({ max_tokens: 1 })
  return await Promise.all(([['Bearer wrong', 'a wrong key'], ['', 'no key']] as const).map(async ([authorization, what]) =>
    ({ answer: await target.send(chatPath, { body, headers: { authorization } }), what })))
}

/** Errors of several kinds. */
async function mistakes (target: Target): Promise<Mistake[]> {
  return await target.once('mistakes', async () => [
    { answer: await target.send('/v1/no/such/path'), what: 'an unknown path' },
    { answer: await target.send(chatPath, { method: 'GET' }), what: 'a wrong method' },
    { answer: await target.send(chatPath, { body: '{"model":' }), what: 'half a body' },
    { answer: await target.send(chatPath, { body: { model: target.model } }), what: 'a request without messages' },
    { answer: await target.chat({ temperature: 'hot' }), what: 'a temperature that is a text' },
    { answer: await target.chat({ temperature: -1 }), what: 'a temperature of -1' },
    { answer: await target.chat({ model: 'no-such-model-7' }), what: 'an unknown model' }
  ])
}

async function tooLong (target: Target): Promise<Answer> {
  const words = target.contextTokens === undefined ? 400_000 : Math.ceil(target.contextTokens * 1.2) + 64
  return await target.once('too long', async () =>
    await target.chat({ messages: [{ role: 'user', content: 'mill '.repeat(words) }], max_tokens: 4 }))
}

function expectErrorObject (answer: Answer, what: string): void {
  expect(answer.status >= 400, `${what} got ${answer.status}, and is no error`)
  const error = answer.json?.error
  expect(typeof error === 'object' && error !== null, `${what} got ${answer.status} without an error object: ${show(answer.text)}`)
  const { message, type, param, code, ...others } = error
  expect(typeof message === 'string' && message !== '', `${what}: error.message is ${show(message)}`)
  expect(typeof type === 'string', `${what}: error.type is ${show(type)}`)
  expect(param === null || typeof param === 'string', `${what}: error.param is ${show(param)}`)
  expect(code === null || typeof code === 'string', `${what}: error.code is ${show(code)}`)
  expect(Object.keys(others).length === 0, `${what}: the error has more fields: ${show(others)}`)
}

/** The first answer of an instance that is starting. */
async function firstHealth (url: URL, target: Target): Promise<Answer> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const answer = await send(url, { headers: target.authorization, timeoutMs: 5000 }).catch(() => undefined)
    if (answer !== undefined) return answer
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  fail('an instance that was started answers nothing')
}
