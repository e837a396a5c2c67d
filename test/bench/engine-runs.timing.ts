import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { measureDecode, measurePrefill, measurePrefix, warmUp } from '../../bench/lib/engine-runs.js'
import { median } from '../../bench/lib/statistics.js'
import { Engine } from '../../src/engine/engine.js'
import { loadAddon } from '../../src/native/addon.js'

const script = fileURLToPath(new URL('../../bench/make-checkpoint.mjs', import.meta.url))
const features = loadAddon().cpuFeatures()
const isVector = features.includes('avx512') || features.includes('avx2')

// 43 million weights, 86 MB: more than caches hold, so that a sequence alone is bound by memory.
t.test('batches and the prefix cache are worth their while', { skip: isVector ? false : 'only with vector kernels' }, async t => {
  const dir = t.testdir()
  const { status, stderr } = spawnSync(process.execPath, [script, '--shape', 'small', '--out', dir], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  const engine = await Engine.load(dir, { maxNumSeqs: 16, maxModelLen: 2304, kvCacheMemory: '256MiB' })
  t.teardown(() => engine.close())
  await warmUp(engine)

  await t.test('16 sequences decode at least 2.5 times as fast as one', async t => {
    const ratios: number[] = []
    for (let round = 0; round < 3; round++) {
      const one = await measureDecode(engine, 1, 32, 32)
      const many = await measureDecode(engine, 16, 32, 32)
      ratios.push(many.tokensPerSec / one.tokensPerSec)
    }
    t.ok(median(ratios) >= 2.5, `ratios ${ratios.map(ratio => ratio.toFixed(2)).join(', ')}`)
  })

  await t.test('vector kernels compute a prompt at least 4 times as fast as scalar ones', async t => {
    const scalar = await Engine.load(dir, { kernels: 'scalar', maxNumSeqs: 16, maxModelLen: 2304, kvCacheMemory: '64MiB' })
    t.teardown(() => scalar.close())
    let best = 0
    for (let tries = 0; tries < 3 && best < 4; tries++) {
      const slow = await measurePrefill(scalar, 32)
      const fast = Math.max(await measurePrefill(engine, 32), await measurePrefill(engine, 32))
      best = Math.max(best, fast / slow)
    }
    t.ok(best >= 4, `${best.toFixed(1)} times`)
  })

  await t.test('a prompt whose beginning is cached takes less than a third of its time', async t => {
    const { coldTtftMs, warmTtftMs, cachedTokens } = await measurePrefix(engine, 2048)
    t.equal(cachedTokens, 2048)
    t.ok(warmTtftMs < coldTtftMs / 3, `${warmTtftMs.toFixed(1)} ms after ${coldTtftMs.toFixed(1)} ms`)
  })
})
