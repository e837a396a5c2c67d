import { mkdtempSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { runCli } from '../../src/cli/program.js'
import { memoryIo } from '../support/memory-io.js'

interface Body {
  prompt: number[]
  max_tokens: number
  model: string
  stream: boolean
  ignore_eos?: boolean
  slo?: { ttft_ms?: number, tpot_ms?: number, deadline_ms?: number }
  priority?: number
  session_id?: string
  reading_tokens_per_sec?: number
}

/** A server that says one token every 5 ms; prompts of 13 tokens it refuses. */
async function tokenServer (t: Test) {
  const seen: Array<{ atMs: number, body: Body, authorization: string | undefined }> = []
  const server = createServer((request, response) => {
    void (async () => {
      if (request.url === '/v1/models') return response.end('{"data":[{"id":"the-model"}]}')
      const body = JSON.parse(await bodyOf(request)) as Body
      seen.push({ atMs: performance.now(), body, authorization: request.headers.authorization })
      if (body.prompt.length === 13) return response.writeHead(400).end('unlucky')
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (let i = 0; i < body.max_tokens; i++) {
        await new Promise(resolve => setTimeout(resolve, 5))
        response.write(`data: ${JSON.stringify({ choices: [{ text: 'x' }] })}\n\n`)
      }
      const usage = { completion_tokens: body.max_tokens, prompt_tokens_details: { cached_tokens: 4 } }
      return response.end(`data: ${JSON.stringify({ choices: [], usage })}\n\ndata: [DONE]\n\n`)
    })()
  })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => { server.closeAllConnections(); server.close() })
  const { port } = server.address() as { port: number }
  return { url: `http://127.0.0.1:${port}`, seen }
}

async function bodyOf (request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const part of request) text += String(part)
  return text
}

const folder = mkdtempSync(join(tmpdir(), 'millrace-replay-'))
const trace = join(folder, 'trace.json')
writeFileSync(trace, JSON.stringify([
  { arrivalMs: 0, promptTokens: 20, outputTokens: 4, ttftSloMs: 60_000, sessionId: 'a' },
  { arrivalMs: 1000, promptTokens: 30, outputTokens: 3, ttftSloMs: 1, sessionId: 'a', tools: [{ tokens: 2, durationMs: 100, resultTokens: 5 }] }
]))

async function replay (argv: string[], env: Record<string, string> = {}): Promise<{ code: number, out: string, err: string }> {
  const io = memoryIo({ env })
  const code = await runCli(['replay', ...argv], io)
  return { code, out: io.out(), err: io.err() }
}

t.test('requests go out at the times of the trace, with its lengths and its shared text', async t => {
  const { url, seen } = await tokenServer(t)
  const { code, out, err } = await replay(['--url', `${url}/v1/`, '--trace', trace, '--json', '--request-results', '--speed', '2'],
    { MILLRACE_API_KEY: 'secret' })
  t.equal(code, 0, err)
  const [run] = JSON.parse(out) as Array<{ requests: number, sloMetRatio: number, results: Array<{ ttftMs: number, e2eMs: number, toolMs: number, outputTokens: number, cachedTokens: number }> }>
  t.match(run, { requests: 2, failed: 0, sloMetRatio: 0.5 })
  const [first, second, third] = seen
  t.match(first!.body, { model: 'the-model', stream: true, ignore_eos: true, max_tokens: 4 })
  t.equal(first!.authorization, 'Bearer secret')
  const gapMs = second!.atMs - first!.atMs
  t.ok(gapMs > 250 && gapMs < 900, `half of 1000 ms later: ${gapMs}`)
  t.same([first, second, third].map(request => request!.body.prompt.length), [20, 30, 30 + 2 + 5])
  t.same(second!.body.prompt.slice(0, 20), first!.body.prompt, 'one session, one text')
  t.same(third!.body.prompt.slice(0, 30), second!.body.prompt, 'and a turn goes on where the last ended')
  t.ok(third!.body.prompt.every(id => Number.isInteger(id) && id >= 64 && id < 256))
  t.ok(third!.atMs - second!.atMs > 100, 'after the tool')
  t.match(run!.results, [{ outputTokens: 4, cachedTokens: 4, toolMs: 0 }, { outputTokens: 5, toolMs: 100 }])
  t.ok(run!.results.every(({ ttftMs, e2eMs }) => ttftMs > 0 && e2eMs > ttftMs))
})

t.test('what the trace says for the scheduler goes with its requests', async t => {
  const { url, seen } = await tokenServer(t)
  const wishes = join(folder, 'wishes.json')
  writeFileSync(wishes, JSON.stringify([
    { arrivalMs: 0, promptTokens: 20, outputTokens: 2 },
    {
      arrivalMs: 200, promptTokens: 30, outputTokens: 2, ttftSloMs: 50, tpotSloMs: 70, deadlineMs: 1e10, priority: -2, sessionId: 'a', readingTokensPerSec: 6.5,
      tools: [{ tokens: 2, durationMs: 60, resultTokens: 5 }]
    },
    { arrivalMs: 600, promptTokens: 40, outputTokens: 2, deadlineMs: 1000, tools: [{ tokens: 1, durationMs: 60, resultTokens: 1 }] },
    { arrivalMs: 900, promptTokens: 50, outputTokens: 2, deadlineMs: 20, tools: [{ tokens: 1, durationMs: 60, resultTokens: 1 }] }
  ]))
  t.match(await replay(['--url', url, '--trace', wishes]), { code: 0, out: /66\.7 %/ }, 'two of the three that wish for something')
  const [plain, first, second, ...rest] = seen.map(({ body: { prompt: _, ...body } }) => body)
  const names = ['slo', 'priority', 'session_id', 'reading_tokens_per_sec']
  t.notOk(names.some(name => name in plain!), 'nothing where the trace says nothing')
  t.match(first, { slo: { ttft_ms: 50, tpot_ms: 70, deadline_ms: 2 ** 31 - 1 }, priority: -2, session_id: 'a', reading_tokens_per_sec: 6.5 })
  t.match(second, { slo: { tpot_ms: 70, deadline_ms: 2 ** 31 - 1 }, priority: -2, session_id: 'a', reading_tokens_per_sec: 6.5 })
  t.notOk('ttft_ms' in second!.slo!, 'the first token came in the turn before')
  t.equal(rest[0]!.slo!.deadline_ms, 1000)
  const left = rest[1]!.slo!.deadline_ms!
  t.ok(left < 940 && left > 500, `${left} ms are left after the tool`)
  t.equal(rest[3]!.slo!.deadline_ms, 1, 'what is late is as late as can be said')

  seen.length = 0
  await replay(['--url', url, '--trace', wishes, '--no-scheduling-fields'])
  t.equal(seen.length, 7)
  t.notOk(seen.some(({ body }) => names.some(name => name in body)), 'for servers that refuse such fields')
})

t.test('a request that fails is counted with its reason, and others go on', async t => {
  const { url } = await tokenServer(t)
  const unlucky = join(folder, 'unlucky.json')
  writeFileSync(unlucky, '{"arrivalMs":0,"promptTokens":13,"outputTokens":1}\n{"arrivalMs":0,"promptTokens":14,"outputTokens":1}')
  const { code, out, err } = await replay(['--url', url, '--trace', unlucky])
  t.equal(code, 0)
  t.match(out, /127\.0\.0\.1:\d+ .* 1$/m)
  t.match(err, /failed: status 400: unlucky/)
})

t.test('what cannot be is refused', async t => {
  const { url } = await tokenServer(t)
  t.match(await replay(['--trace', trace]), { code: 2, err: /--url is missing/ })
  t.match(await replay(['--url', 'ftp://x', '--trace', trace]), { code: 2, err: /--url is "ftp:\/\/x"/ })
  t.match(await replay(['--url', url]), { code: 2, err: /no trace/ })
  t.match(await replay(['--url', url, '--trace', trace, '--extra', '[1]']), { code: 2, err: /--extra is \[1\]/ })
  t.match(await replay(['--url', 'http://127.0.0.1:1', '--model', 'm', '--trace', trace]), { code: 2, err: /No request was answered/ })
})
