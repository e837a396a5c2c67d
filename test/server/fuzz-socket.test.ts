import fc from 'fast-check'
import t from 'tap'
import { checkError } from '../support/fuzz/answer-rules.js'
import { FuzzServer, patienceMs } from '../support/fuzz/fuzz-server.js'
import { wireAnswers } from '../support/fuzz/http-answers.js'
import { play, type Played } from '../support/fuzz/play-script.js'
import { holds } from '../support/fuzz/property.js'
import { socketScripts, type SocketScript } from '../support/fuzz/socket-scripts.js'
import { fixture } from '../support/fixtures.js'
import { testSeed } from '../support/random.js'

// Bytes that are nearly HTTP, not at all HTTP, cut off, slow, or mixed with other requests'. MILLRACE_FUZZ_MINUTES makes it long.

const minutes = Number(process.env['MILLRACE_FUZZ_MINUTES'] ?? 0.03)
const limits = { headersTimeoutMs: 300, requestTimeoutMs: 600 }

t.setTimeout(minutes * 180_000 + 300_000)

t.test('whatever comes over a connection is answered with 4xx or cut off in time, and nobody else notices', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed} (MILLRACE_TEST_SEED repeats it)`)
  const server = await FuzzServer.start(t, process.env['MILLRACE_FUZZ_MODEL'] ?? fixture('models/qwen3'), limits)
  const counts = new Map<string, number>()
  const tally = (what: string): void => { counts.set(what, (counts.get(what) ?? 0) + 1) }

  await server.withBystander(t, async () => {
    const drawn = fc.array(socketScripts(server.model), { minLength: 1, maxLength: 24 })
    await holds(t, { examples: [knownScripts], drawn }, { seed, timeMs: minutes * 60_000 }, async scripts => {
      await Promise.all(scripts.map(async script => {
        const played = await play(script, server.port, { quietMs: 400, patienceMs })
        tally('connections')
        for (const status of checkPlayed(script, played)) tally(String(status))
      }))
    })
  })
  t.comment(`seed ${seed}: ${[...counts].sort().map(([what, count]) => `${what} ${count}`).join(', ')}`)
  t.ok(counts.get('200')! > 0, 'some are answered')
  t.ok(counts.get('400')! > 0 && counts.get('408')! > 0, 'and some refused')
  await server.isEmpty(t)
})

/** Answered, refused, and cut off. */
const knownScripts: SocketScript[] = ['GET /health HTTP/1.1\r\nhost: x\r\n\r\n', 'hello\r\n\r\n', 'POST /tokenize HTTP/1.1\r\nhost: x\r\n'].map(text => ({
  parts: [{ bytes: Buffer.from(text), pauseMs: 0 }], end: 'waits'
}))

/** @returns the statuses of its answers */
function checkPlayed ({ end }: SocketScript, { received, isClosed }: Played): number[] {
  if (end === 'destroys') return []
  const answers = wireAnswers(received)
  for (const { status, body, isWhole } of answers) {
    if (status >= 500) throw new Error(`the status ${status}: ${body.slice(0, 500)}`)
    if (status >= 400 && isWhole && body !== '') checkError(body, status)
  }
  if (answers.length === 0 && !isClosed) throw new Error('neither answered nor cut off')
  return answers.map(({ status }) => status)
}
