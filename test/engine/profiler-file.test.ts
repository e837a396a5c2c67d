import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Engine } from '../../src/engine/engine.js'
import { ProfilerFile, profilerPath } from '../../src/engine/profiler-file.js'
import { Profiling } from '../../src/engine/profiling.js'
import { tinyModel } from '../support/tiny-engine.js'

const options = { threads: 1, kernels: 'scalar', maxNumSeqs: 8, seed: 1 } as const

/** A profiler that has something to save. */
function taught (): Profiling {
  const profiling = new Profiling()
  const prediction = profiling.predict({ text: 'hello', promptTokens: 3 })
  profiling.requestEnded({ sequences: [], allSequences: [{ finishReason: 'stop', generatedTokens: 5, prediction }] } as never)
  return profiling
}

t.test('what one engine learnt, the next one knows', async t => {
  const folder = join(t.testdir(), 'not', 'there', 'yet')
  const load = async () => await Engine.load(tinyModel, { ...options, profilerState: folder }, { onWarning: message => { t.fail(message) } })
  const first = await load()
  for (let i = 0; i < 5; i++) await first.complete({ prompt: 'hello', maxTokens: 30, ignoreEos: true }).result()
  await first.close()
  t.equal(readdirSync(folder).length, 1, 'and no temporary file is left')
  const learnt = first.stats().profiler.stepCosts
  const second = await load()
  t.same(second.stats().profiler.stepCosts, learnt)
  await second.close()
})

t.test('with none, nothing is kept: it is not a folder of that name', async t => {
  const engine = await Engine.load(tinyModel, { ...options, profilerState: 'none' })
  t.equal(engine.info.options.profilerState, undefined)
  await engine.complete({ prompt: 'hello', maxTokens: 2 }).result()
  await engine.close()
  t.notOk(existsSync('none'))
})

t.test('a damaged file is told of, and replaced by what is learnt anew', async t => {
  const folder = t.testdir()
  const warnings: string[] = []
  const load = async () => await Engine.load(tinyModel, { ...options, profilerState: folder }, { onWarning: message => { warnings.push(message) } })
  const first = await load()
  await first.complete({ prompt: 'hello', maxTokens: 2 }).result()
  await first.close()
  const path = join(folder, readdirSync(folder)[0]!)
  const whole = readFileSync(path)
  writeFileSync(path, whole.subarray(0, 1000))
  const second = await load()
  t.equal(warnings.length, 1)
  t.match(warnings[0], /profiler is not usable: it has 1000 bytes.*begins anew/)
  await second.complete({ prompt: 'hello', maxTokens: 2 }).result()
  await second.close()
  t.equal(readFileSync(path).length, whole.length)
})

t.test('a folder that cannot be written is told of, and closing works', async t => {
  const folder = join(t.testdir({ file: 'no folder' }), 'file')
  const warnings: string[] = []
  const file = new ProfilerFile(join(folder, 'x.profile'), 0, message => { warnings.push(message) })
  await file.save(taught())
  t.equal(warnings.length, 1)
  t.match(warnings[0], /could not be saved/)
})

t.test('it is saved every five minutes at most, and only when something was learnt', async t => {
  const folder = t.testdir()
  const file = new ProfilerFile(join(folder, 'x.profile'), 0, message => { t.fail(message) })
  const profiling = taught()
  file.saveSometimes(profiling, 299_999)
  await file.save(new Profiling())
  t.same(readdirSync(folder), [])
  file.saveSometimes(profiling, 300_000)
  await file.save(profiling)
  t.same(readdirSync(folder), ['x.profile'])
  t.notOk(profiling.hasNews)
})

t.test('models, and forms of one model, have files of their own, whose names are safe', async t => {
  const engine = await Engine.load(tinyModel, options)
  const resolved = engine.info.options
  await engine.close()
  const paths = [
    profilerPath('/x', 'aa', resolved),
    profilerPath('/x', 'bb', resolved),
    profilerPath('/x', 'aa', { ...resolved, quantize: 'int8' }),
    profilerPath('/x', 'aa', { ...resolved, threads: 7 })
  ]
  t.equal(new Set(paths).size, paths.length)
  t.match(profilerPath('/x', 'aa', { ...resolved, servedModelName: '../..\0/ä b' }), /^\/x\/[\w.-]+\.profile$/)
})
