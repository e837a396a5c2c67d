import t from 'tap'
import { Engine } from '../../src/engine/engine.js'
import { fixture } from '../support/fixtures.js'
import { eventually, listening } from '../support/http.js'
import { Random } from '../support/random.js'

t.test('300 requests that are left at random moments leave no request and no block', async t => {
  const seed = Number(process.env['TEST_SEED'] ?? Date.now() % 2 ** 31)
  t.comment(`seed ${seed} (TEST_SEED repeats it)`)
  const random = new Random(seed)
  const engine = await Engine.load(fixture('models/qwen3'), { kvCacheMemory: '1MiB' })
  t.teardown(async () => { await engine.close() })
  const { url } = await listening(t, engine)
  let answered = 0

  async function one (i: number): Promise<void> {
    const body = {
      model: 'qwen3',
      prompt: 'mill '.repeat(random.integer(1, 20)),
      max_tokens: random.integer(1, 150),
      n: random.integer(1, 3),
      ignore_eos: true,
      stream: i % 2 === 0
    }
    const signal = AbortSignal.timeout(random.integer(1, 60))
    try {
      const response = await fetch(`${url}/v1/completions`, {
        method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body), signal
      })
      await response.text()
      if (response.status === 200) answered++
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }
  for (let i = 0; i < 300; i += 20) await Promise.all(Array.from({ length: 20 }, async (_, j) => { await one(i + j) }))
  t.ok(answered < 300, `${answered} were quick enough to be answered`)
  await eventually(() => engine.stats().requests === 0 && engine.stats().kv.usedBlocks === 0, 'all is free', 5000)
  const { kv, runningSequences, waitingSequences } = engine.stats()
  t.equal(kv.freeBlocks + kv.cachedBlocks, kv.totalBlocks)
  t.equal(runningSequences + waitingSequences, 0)
  const health = await fetch(`${url}/health`)
  t.equal(health.status, 200)
})
