import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request, type RequestOptions } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { connect, type TLSSocket } from 'node:tls'
import { FakeEngine } from '../support/fake-engine.js'
import { fixture } from '../support/fixtures.js'
import { eventsOf, eventually, listening, RawClient } from '../support/http.js'

const folder = mkdtempSync(join(tmpdir(), 'millrace-tls-'))
t.teardown(() => { rmSync(folder, { recursive: true }) })
const file = (name: string): string => fixture(`tls/${name}`)
const pair = (name: string): { tlsCert: string, tlsKey: string } => ({ tlsCert: file(`${name}.crt`), tlsKey: file(`${name}.key`) })
const trusted = ['one', 'two'].map(name => readFileSync(file(`${name}.crt`)))

/** What came, and the name on the certificate that the server showed. */
async function ask (url: string, options: RequestOptions = {}, body?: object): Promise<{ status: number, text: string, name: string }> {
  return await new Promise((resolve, reject) => {
    const sent = request(url, { ca: trusted, agent: false, ...options }, response => {
      const name = (response.socket as TLSSocket).getPeerCertificate().subject.CN
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => { text += part })
      response.on('end', () => { resolve({ status: response.statusCode!, text, name: String(name) }) })
    })
    sent.on('error', reject)
    sent.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

t.test('with a certificate the server speaks HTTPS, streams too', async t => {
  const server = await listening(t, new FakeEngine(), pair('one'))
  t.match(server.url, /^https:\/\/127\.0\.0\.1:\d+$/)
  t.match(await ask(`${server.url}/health`), { status: 200, name: 'one.millrace.test' })
  const { text } = await ask(`${server.url}/v1/chat/completions`, { method: 'POST', headers: { 'content-type': 'application/json' } },
    { model: 'fake', messages: [{ role: 'user', content: 'hi' }], stream: true })
  t.equal(eventsOf(text).at(-1), 'DONE')
  await t.rejects(ask(`${server.url}/health`, { headers: { long: 'x'.repeat(20_000) } }).then(({ status }) => { if (status === 431) throw new Error('431') }), /431/, 'its limits hold')
})

t.test('plain HTTP on the port of HTTPS is closed, and costs the others nothing', async t => {
  const server = await listening(t, new FakeEngine(), pair('one'))
  const plain = new RawClient(server.port)
  plain.send('GET /health HTTP/1.1\r\nhost: x\r\n\r\n')
  await eventually(() => plain.isClosed, 'closed')
  t.notMatch(plain.received, '200 OK')
  t.equal((await ask(`${server.url}/health`)).status, 200)
})

t.test('versions before the oldest one allowed are refused', async t => {
  const version = async (port: number, maxVersion: 'TLSv1.2' | 'TLSv1.3'): Promise<string | null> => await new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', ca: trusted, maxVersion }, () => {
      resolve(socket.getProtocol())
      socket.destroy()
    })
    socket.on('error', reject)
  })
  const usual = await listening(t, new FakeEngine(), pair('one'))
  t.equal(await version(usual.port, 'TLSv1.2'), 'TLSv1.2')
  const strict = await listening(t, new FakeEngine(), { ...pair('one'), tlsMinVersion: 'TLSv1.3' })
  t.equal(await version(strict.port, 'TLSv1.3'), 'TLSv1.3')
  await t.rejects(version(strict.port, 'TLSv1.2'), /protocol version/)
})

t.test('certificate and key are read again on demand; what cannot be used changes nothing', async t => {
  const own = { tlsCert: join(folder, 'server.crt'), tlsKey: join(folder, 'server.key') }
  const install = (name: string): void => {
    copyFileSync(file(`${name}.crt`), own.tlsCert)
    copyFileSync(file(`${name}.key`), own.tlsKey)
  }
  install('one')
  const server = await listening(t, new FakeEngine(), own)
  t.equal((await ask(`${server.url}/health`)).name, 'one.millrace.test')
  install('two')
  t.equal((await ask(`${server.url}/health`)).name, 'one.millrace.test', 'not before it is told')
  server.reloadTls!()
  t.equal((await ask(`${server.url}/health`)).name, 'two.millrace.test')
  copyFileSync(file('one.key'), own.tlsKey)
  t.throws(() => { server.reloadTls!() }, { code: 'ERR_TLS' })
  t.equal((await ask(`${server.url}/health`)).name, 'two.millrace.test')
  t.equal((await listening(t, new FakeEngine())).reloadTls, undefined)
})

t.test('what is wrong with the files is said by file and reason, before the port opens', async t => {
  const garbage = join(folder, 'garbage.pem')
  writeFileSync(garbage, 'no certificate')
  const cases = [
    [{ tlsCert: file('one.crt') }, 'ERR_INVALID_OPTION', /tlsCert is given without tlsKey/],
    [{ tlsKey: file('one.key') }, 'ERR_INVALID_OPTION', /tlsKey is given without tlsCert/],
    [{ ...pair('one'), tlsMinVersion: 'TLSv1.1' }, 'ERR_INVALID_OPTION', /one of TLSv1\.2, TLSv1\.3/],
    [{ ...pair('one'), tlsCert: '/no/such.crt' }, 'ERR_TLS', /certificate \/no\/such\.crt cannot be read: there is no such file/],
    [{ ...pair('one'), tlsKey: folder }, 'ERR_TLS', /key .* cannot be read: it is a folder/],
    [{ ...pair('one'), tlsCert: garbage }, 'ERR_TLS', /certificate .*garbage\.pem cannot be used: .*PEM/],
    [{ ...pair('one'), tlsKey: garbage }, 'ERR_TLS', /key .*garbage\.pem cannot be used: .*PEM/],
    [{ ...pair('one'), tlsKey: file('encrypted.key') }, 'ERR_TLS', /encrypted\.key cannot be used: it has a passphrase/],
    [{ ...pair('one'), tlsKey: file('two.key') }, 'ERR_TLS', /two\.key does not belong to the certificate .*one\.crt/]
  ] as const
  for (const [options, code, message] of cases) await t.rejects(listening(t, new FakeEngine(), options as object), { code, message })
})
