import t from 'tap'
import { Engine } from '../../src/engine/engine.js'
import { EngineRegistry } from '../../src/engine/registry.js'
import { tinyModel } from '../support/tiny-engine.js'

t.test('loading reports what was decided before the weights, then progress up to 1', async t => {
  const events: unknown[] = []
  const engine = await Engine.load(tinyModel, { threads: 2 }, {
    onResolved: options => events.push(Object.isFrozen(options), options.kvDtype),
    onProgress: done => events.push(done)
  })
  t.same(events.slice(0, 2), [true, 'f32'])
  t.equal(events.at(-1), 1)
  t.match(engine.info, { modelName: 'qwen3', spec: { numLayers: 2 }, options: { maxModelLen: 256 }, fingerprint: /^[0-9a-f]{64}$/ })
  t.ok(engine.info.memory.weightsBytes > 0)
  await engine.close()
})

t.test('text goes to tokens and back', async t => {
  const engine = await Engine.load(tinyModel, { threads: 2 })
  const ids = await engine.tokenize('The server keeps blocks.')
  t.ok(ids.length > 1)
  t.equal(engine.detokenize(ids), 'The server keeps blocks.')
  await engine.close()
})

t.test('wrong options and missing models fail before anything is loaded', async t => {
  await t.rejects(Engine.load(tinyModel, { maxModelLenn: 1 } as never), { code: 'ERR_INVALID_OPTION', message: /maxModelLen/ })
  await t.rejects(Engine.load(tinyModel, { maxModelLen: 100_000 }), { code: 'ERR_INVALID_OPTION', message: /256/ })
  await t.rejects(Engine.load(tinyModel, { deviceMap: 'cpu:0=0-5' }), { code: 'ERR_INVALID_OPTION', message: /last layer is 1/ })
  await t.rejects(Engine.load(tinyModel, { kvCacheMemory: '1000TiB' }), { code: 'ERR_OUT_OF_MEMORY' })
  await t.rejects(Engine.load(tinyModel, { threads: 3 }), { code: 'ERR_INVALID_OPTION', message: /already computes with 2/ })
  await t.rejects(Engine.load('/nowhere'), { code: 'ERR_MODEL_NOT_FOUND' })
})

t.test('layers spread over two devices, whole or split, give the same answer', async t => {
  const answers = []
  for (const deviceMap of ['cpu:0=0-1', 'cpu:0=0-0,cpu:1=1-1', 'cpu:0+cpu:1=0-1']) {
    const engine = await Engine.load(tinyModel, { threads: 2, kernels: 'scalar', deviceMap })
    const { choices } = await engine.complete({ prompt: [5, 6, 7, 8], maxTokens: 12, temperature: 0, ignoreEos: true }).result()
    answers.push(choices[0]!.tokenIds)
    await engine.close()
  }
  t.same(answers[1], answers[0])
  t.same(answers[2], answers[0])
})

t.test('a registry finds engines by name and suggests the nearest', async t => {
  const engine = await Engine.load(tinyModel, { servedModelName: 'tiny-qwen', threads: 2 })
  const registry = new EngineRegistry()
  registry.add(engine)
  t.equal(registry.get('tiny-qwen'), engine)
  t.throws(() => registry.get('tiny-qwem'), { code: 'ERR_MODEL_UNKNOWN', message: /Did you mean tiny-qwen/ })
  t.throws(() => { registry.add(engine) }, /already/)
  await engine.close()
})
