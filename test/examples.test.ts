import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { fixture } from './support/fixtures.js'
import { eventually } from './support/http.js'

const folder = fileURLToPath(new URL('../examples/', import.meta.url))
// Other programs may have much of a small machine.
const patienceMs = 60_000

interface Example {
  readonly out: () => string
  readonly exited: Promise<number | null>
  stop (): void
}

function example (t: Test, name: string, argv: readonly string[] = []): Example {
  const child = spawn(process.execPath, [folder + name, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => { out += text })
  t.teardown(() => { child.kill('SIGKILL') })
  return { out: () => out, exited: once(child, 'close').then(([code]) => code as number | null), stop: () => { child.kill('SIGTERM') } }
}

t.test('every example says how it is used when it is run without a model', async t => {
  for (const name of readdirSync(folder)) {
    const run = example(t, name)
    t.equal(await run.exited, 2, name)
    t.match(run.out(), `usage: node examples/${name} MODEL`)
  }
})

t.test('the Fastify example serves its own route and the API, and ends when it is told to', async t => {
  const run = example(t, 'fastify.mjs', [fixture('models/qwen3'), '0'])
  await eventually(() => run.out().includes('listening on '), 'listening', patienceMs)
  const url = /http:\S+/.exec(run.out())![0]
  t.match(await (await fetch(`${url}/llm/v1/models`)).json(), { data: [{ id: 'qwen3' }] })
  t.match(await (await fetch(`${url}/summary?text=abc`)).json(), { summary: String })
  run.stop()
  t.equal(await run.exited, 0, run.out())
})
