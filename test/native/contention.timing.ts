import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { Engine } from '../../src/engine/engine.js'

const demo = fileURLToPath(new URL('../../models/millrace-demo', import.meta.url))
const promptTokens = 512
const windowMs = 500

/** Another program on the machine; it says when it has begun. */
async function stranger (code: string) {
  const child = spawn(process.execPath, ['-e', `console.log(); ${code}`], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  return child
}

const busy = 'for (;;);'
const often = 'setInterval(() => { const end = performance.now() + 2; while (performance.now() < end); }, 10)'

/** Prompts computed per second, one after the other. */
async function promptsPerSec (engine: Engine) {
  const started = performance.now()
  let prompts = 0
  while (performance.now() - started < windowMs) {
    const prompt = Array.from({ length: promptTokens }, (_, i) => 300 + (i * 31 + prompts * 7) % 3000)
    await engine.complete({ prompt, maxTokens: 1, temperature: 0 }).result()
    prompts++
  }
  return prompts / (performance.now() - started) * 1000
}

/** What the engine keeps of its speed beside another program. */
async function keptShare (engine: Engine, code: string) {
  const before = await promptsPerSec(engine)
  const child = await stranger(code)
  const beside = await promptsPerSec(engine)
  child.kill('SIGKILL')
  await once(child, 'close')
  const after = await promptsPerSec(engine)
  return beside / Math.max(before, after)
}

/** The median of three; up to three times, since other programs may run that are none of ours. */
async function medianShare (engine: Engine, code: string, enough: number) {
  let median = 0
  for (let tries = 0; tries < 3 && median < enough; tries++) {
    const shares = [await keptShare(engine, code), await keptShare(engine, code), await keptShare(engine, code)]
    median = shares.sort((a, b) => a - b)[1]!
  }
  return median
}

t.test('beside strangers the engine keeps most of its fair share', {
  skip: availableParallelism() !== 2 && 'the shares are those of two processors',
  timeout: 60_000
}, async t => {
  const engine = await Engine.load(demo, { threads: 2, prefixCaching: false })
  await promptsPerSec(engine)
  // Fair are 75 and 90 %, and measured on a quiet machine 80 and 95 %. A barrier that waits for stopped threads keeps 5 to 55 %.
  const shares = [['a busy thread', busy, 0.45], ['a thread that is busy for a fifth of the time', often, 0.7]] as const
  for (const [name, code, enough] of shares) {
    const kept = await medianShare(engine, code, enough)
    t.ok(kept >= enough, `beside ${name} it keeps ${(kept * 100).toFixed(0)} % of its speed (at least ${(enough * 100).toFixed(0)} %)`)
  }
  await engine.close()
})
