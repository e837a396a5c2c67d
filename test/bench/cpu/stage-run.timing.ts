import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { measureCeilings } from '../../../bench/cpu/ceilings.js'
import { computeCeiling } from '../../../bench/cpu/limits.js'
import { measureStages } from '../../../bench/cpu/stage-run.js'
import { Engine } from '../../../src/engine/engine.js'
import { loadParts } from '../../../src/engine/load.js'
import { loadAddon } from '../../../src/native/addon.js'

const script = fileURLToPath(new URL('../../../bench/make-checkpoint.mjs', import.meta.url))
const features = loadAddon().cpuFeatures()
const isVector = features.includes('avx512') || features.includes('avx2')

// With tiles or BF16 products more is possible; a quarter of plain FMA says that nothing is broken.
t.test('the matrix products of a prompt reach a quarter of the FMA rate that the machine shows at the same time', {
  skip: isVector ? false : 'only with vector kernels',
  timeout: 120_000
}, async t => {
  const dir = t.testdir()
  const { status, stderr } = spawnSync(process.execPath, [script, '--shape', 'small', '--out', dir], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  const parts = await loadParts(dir, { maxNumSeqs: 1, maxBatchTokens: 512, maxModelLen: 1024, kvCacheMemory: '64MiB' }, { stageTimes: true })
  const engine = new Engine(parts)
  t.teardown(() => engine.close())
  let best = 0
  for (let tries = 0; tries < 3 && best < 0.25; tries++) {
    const ceilings = await measureCeilings({ quick: true, threads: engine.info.options.threads })
    if (ceilings === undefined) throw new Error('no ceilings on a machine with vector kernels')
    const { stages } = await measureStages(engine, parts.model, { kind: 'prefill', tokens: 512 })
    // The product of the logits has one row, and is bound by memory.
    const products = stages.filter(({ name, ops, calls }) => name.startsWith('matmul') && ops / calls > 1e8)
    const sum = (key: 'ops' | 'ms') => products.reduce((total, stage) => total + stage[key], 0)
    best = Math.max(best, sum('ops') / sum('ms') * 1000 / computeCeiling(ceilings, 'float', 'avx512'))
  }
  t.ok(best >= 0.25, `${(best * 100).toFixed(0)} % of it`)
})
