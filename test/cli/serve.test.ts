import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { FakeEngine } from '../support/fake-engine.js'
import { fixture } from '../support/fixtures.js'
import { eventsOf, eventually, listening } from '../support/http.js'

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const model = fixture('models/qwen3')
// Other programs may have much of a small machine.
const patienceMs = 60_000
const cacheFolder = mkdtempSync(join(tmpdir(), 'millrace-serve-'))
t.teardown(() => { rmSync(cacheFolder, { recursive: true }) })

interface Running {
  readonly child: ChildProcess
  readonly out: () => string
  readonly err: () => string
  readonly exited: Promise<number | null>
}

function millrace (t: Test, argv: readonly string[], env: Record<string, string> = {}): Running {
  const child = spawn(process.execPath, ['--import', 'tsx', main, ...argv], {
    env: { ...process.env, HOST: '', PORT: '', MILLRACE_API_KEY: '', XDG_CACHE_HOME: cacheFolder, ...env }, stdio: ['ignore', 'pipe', 'pipe']
  })
  const texts = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => { texts.out += text })
  child.stderr.setEncoding('utf8').on('data', (text: string) => { texts.err += text })
  t.teardown(() => { child.kill('SIGKILL') })
  const exited = once(child, 'close').then(([code]) => code as number | null)
  return { child, out: () => texts.out, err: () => texts.err, exited }
}

/** Waits until it serves. @returns its address */
async function address (server: Running): Promise<string> {
  await eventually(() => server.out().includes('curl ') || server.child.exitCode !== null, server.err(), patienceMs)
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(server.out())?.[0]
  if (url === undefined) throw new Error(`serve ended: ${server.err()}`)
  return url
}

t.test('serve prints what it loaded, answers the example it prints, and stops cleanly', async t => {
  const server = millrace(t, ['serve', model, '--served-model-name', 'demo', '--kv-cache-memory', '1MiB'], { PORT: '0', MILLRACE_API_KEY: 'a,b' })
  const url = await address(server)
  t.match(server.out(), /^model +demo: qwen3, 107 k parameters in F32, 2 layers$/m)
  t.match(server.out(), /^memory +weights [0-9.]+ KiB \+ KV cache 1\.0 MiB \(1024 tokens in f32\) \+ KV swap up to 256\.0 KiB \+ workspace .* = .*$/m)
  t.match(server.out(), /^context +256 tokens; 32 sequences at once/m)
  t.match(server.out(), /^address .*with an API key/m)
  t.equal((await fetch(`${url}/health`)).status, 200)
  const body = /-d '(.*)'/.exec(server.out())![1]!
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST', headers: { 'content-type': 'application/json', authorization: 'Bearer b' }, body: JSON.stringify({ ...JSON.parse(body), max_tokens: 3 })
  })
  t.equal(response.status, 200)
  t.match(await response.json(), { model: 'demo', usage: { completion_tokens: 3 } })
  t.equal((await fetch(`${url}/v1/models`)).status, 401)
  server.child.kill('SIGTERM')
  t.equal(await server.exited, 0)
  t.match(server.err(), /^Stopping: /m)
})

t.test('a second signal stops a server that still has something to finish', async t => {
  const server = millrace(t, ['serve', model, '--port', '0'])
  const url = await address(server)
  // Fills the context again and again, for far longer than the test lasts.
  const controller = new AbortController()
  t.teardown(() => { controller.abort() })
  const requests = Array.from({ length: 64 }, async () => await fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    signal: controller.signal,
    body: JSON.stringify({ model: 'qwen3', prompt: Array(16).fill('a'), max_tokens: 250, n: 64, ignore_eos: true })
  }).catch(() => undefined))
  await new Promise(resolve => setTimeout(resolve, 300))
  server.child.kill('SIGTERM')
  await eventually(() => server.err().includes('Stopping'), 'stopping', patienceMs)
  t.equal(server.child.exitCode, null, 'it waits for its requests')
  server.child.kill('SIGTERM')
  t.equal(await server.exited, 143)
  await Promise.all(requests)
})

/** Sends SIGTERM once a stream has begun. @returns the stream's events, and the exit code */
async function stopDuring (t: Test, argv: readonly string[], request: object): Promise<{ events: any[], code: number | null }> {
  const server = millrace(t, ['serve', model, '--port', '0', ...argv])
  const url = await address(server)
  const response = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'qwen3', prompt: 'a', ignore_eos: true, stream: true, ...request })
  })
  server.child.kill('SIGTERM')
  const [text, code] = await Promise.all([response.text(), server.exited])
  return { events: eventsOf(text), code }
}

t.test('SIGTERM lets a stream finish, and the process ends with 0', async t => {
  const { events, code } = await stopDuring(t, [], { max_tokens: 200 })
  t.equal(events.at(-1), 'DONE')
  t.ok(events.some(event => event.choices?.[0]?.finish_reason === 'length'))
  t.equal(code, 0)
})

t.test('a stream that is longer than the deadline ends with an error event, and the process with 0', async t => {
  const { events, code } = await stopDuring(t, ['--drain-timeout-ms', '50', '--max-num-seqs', '1'], { max_tokens: 250, n: 100 })
  t.match(events.at(-1), { error: { code: 'ERR_DRAINING' } })
  t.equal(code, 0)
})

t.test('a port in use and a model that is not there exit with 1 and one clear line', async t => {
  const { port } = await listening(t, new FakeEngine())
  const taken = millrace(t, ['serve', model, '--port', String(port)])
  const missing = millrace(t, ['serve', '/no/such/model', '--port', '0'])
  t.equal(await taken.exited, 1)
  t.match(taken.err(), new RegExp(`^millrace: Port ${port} of 127\\.0\\.0\\.1 is in use .*--port`, 'm'))
  t.equal(taken.out(), '')
  t.equal(await missing.exited, 1)
  t.match(missing.err(), /^millrace: There is no file or folder \/no\/such\/model\.$/m)
  t.notMatch(missing.err(), /\n\s+at /)
})
