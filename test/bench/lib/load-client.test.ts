import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { lineReader, runLoad, summarize } from '../../../bench/lib/load-client.js'

t.test('lines are whole, however the stream was cut', async t => {
  const text = 'data: {"a": "ä"}\n\ndata: [DONE]\nrest'
  const bytes = Buffer.from(text)
  for (let cut = 0; cut <= bytes.length; cut++) {
    const lines: string[] = []
    const read = lineReader(line => { lines.push(line) })
    read(bytes.subarray(0, cut))
    read(bytes.subarray(cut))
    t.same(lines, ['data: {"a": "ä"}', '', 'data: [DONE]'])
  }
})

t.test('rates count the time of the whole run, and gaps only within a stream', async t => {
  const summary = summarize([
    { startMs: 1000, arrivalsMs: [1100, 1110, 1130], outputTokens: 3 },
    { startMs: 1500, arrivalsMs: [1900, 1910, 2000], outputTokens: 5 }
  ])
  t.equal(summary.outputTokensPerSec, 8)
  t.same([summary.ttftP50Ms, summary.ttftP99Ms], [100, 400])
  t.same([summary.itlP50Ms, summary.itlMaxMs], [10, 90])
})

/** Streams three pieces with 5 ms between them; says how many streams ran at once, and on how many connections. */
async function fakeServer (t: Test, options: { failEvery?: number } = {}) {
  const seen = { now: 0, most: 0, requests: 0, connections: 0, bodies: [] as Array<Record<string, unknown>> }
  const server: Server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => { parts.push(part) })
    request.on('end', () => { void answer() })
    const answer = async () => {
      seen.bodies.push(JSON.parse(Buffer.concat(parts).toString()) as Record<string, unknown>)
      if (++seen.requests % (options.failEvery ?? Infinity) === 0) {
        response.writeHead(500).end('no')
        return
      }
      seen.most = Math.max(seen.most, ++seen.now)
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (const text of ['a', '', 'b', 'c']) {
        response.write(`data: ${JSON.stringify({ choices: [{ text }] })}\n\n`)
        await sleep(5)
      }
      seen.now--
      response.end(`data: ${JSON.stringify({ choices: [], usage: { completion_tokens: 4 } })}\n\ndata: [DONE]\n\n`)
    }
  })
  server.on('connection', () => { seen.connections++ })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => { server.close() })
  return { port: (server.address() as AddressInfo).port, seen }
}

t.test('a closed loop keeps so many streams running, on kept connections', async t => {
  const { port, seen } = await fakeServer(t)
  let prompts = 0
  const run = await runLoad({ port, concurrency: 3, requests: 9, outputTokens: 4, prompt: () => [++prompts], extra: { cache_prompt: false } })
  t.same([seen.requests, seen.most, seen.connections], [9, 3, 3])
  t.same(seen.bodies.map(body => body.prompt).flat().sort(), [1, 2, 3, 4, 5, 6, 7, 8, 9])
  t.match(seen.bodies[0], { max_tokens: 4, temperature: 0, stream: true, ignore_eos: true, cache_prompt: false })
  t.equal(run.failed, 0)
  t.ok(run.itlP50Ms >= 4 && run.ttftP50Ms < 1000, `${run.itlP50Ms}, ${run.ttftP50Ms}`)
  // The server says 4 tokens for three pieces of text.
  t.ok(run.outputTokensPerSec < 36 / 0.045, `${run.outputTokensPerSec}`)
})

t.test('a request that fails is counted, and left out of the rates', async t => {
  const { port } = await fakeServer(t, { failEvery: 4 })
  const run = await runLoad({ port, concurrency: 2, requests: 8, outputTokens: 4, prompt: () => [1] })
  t.equal(run.failed, 2)
  t.ok(run.outputTokensPerSec > 0)
})

t.test('a run in which nothing worked is an error', async t => {
  const { port } = await fakeServer(t, { failEvery: 1 })
  await t.rejects(runLoad({ port, concurrency: 1, requests: 2, outputTokens: 4, prompt: () => [1] }), /status 500: no/)
})
