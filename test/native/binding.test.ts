import { readFileSync } from 'node:fs'
import t from 'tap'
import ts from 'typescript'
import { loadAddon } from '../../src/native/addon.js'
import { fixture } from '../support/fixtures.js'
import { greedy, loadNative } from '../support/native-model.js'

const page = new URL('../../src/native/binding.ts', import.meta.url)
const source = ts.createSourceFile('binding.ts', readFileSync(page, 'utf8'), ts.ScriptTarget.ES2023)

/** Names of an interface's members, as binding.ts declares them. */
function declared (name: string): string[] {
  const found = source.statements.find(node => ts.isInterfaceDeclaration(node) && node.name.text === name)
  if (found === undefined) throw new Error(`binding.ts has no interface ${name}`)
  return (found as ts.InterfaceDeclaration).members.map(member => (member.name as ts.Identifier).text).sort()
}

/** Names on the prototype that C++ defined. */
const defined = (object: object) =>
  Object.getOwnPropertyNames(Object.getPrototypeOf(object)).filter(name => name !== 'constructor').sort()

t.test('the addon exports what binding.ts declares, and nothing else', async t => {
  t.same(Object.keys(loadAddon()).sort(), declared('Addon'))
})

t.test('a model and a pool have the members that binding.ts declares, and no others', async t => {
  const { model } = await loadNative(fixture('models/qwen3'))
  t.same(defined(model), declared('NativeModel'))
  t.same(defined(model.kv), declared('NativeKvPool'))
  t.same(defined(loadAddon().createKvPool(1, 16)), declared('NativeKvPool'))
  t.same(Object.keys(model.memory).sort(), declared('MemoryUse'))
  t.same(Object.keys(model.kv.stats()).sort(), declared('KvStats'))
  await model.dispose()
})

t.test('files, tensors and devices have the fields that binding.ts declares', async t => {
  const info = await loadAddon().readModelFiles(fixture('gguf/qwen3-f32.gguf'))
  t.same(Object.keys(info).sort(), declared('ModelFilesInfo'))
  t.same(Object.keys(info.tensors[0]!).sort(), declared('TensorInfo'))
  t.same(Object.keys(loadAddon().devices()[0]!).sort(), declared('DeviceInfo'))
})

t.test('a model that was asked for it says how long each kind of operation took, and begins anew each time', async t => {
  const { model, spec } = await loadNative(fixture('models/qwen3'), { stageTimes: true })
  await greedy(model, [5, 6, 7], 3)
  const times = model.stageTimes()
  const callsOf = (name: string) => times.find(time => time.name === name)?.calls
  t.equal(callsOf('embed'), 3, 'one for each step')
  t.equal(callsOf('attention'), 3 * spec.numLayers)
  t.equal(callsOf('sample'), 3)
  const head = times.find(({ name }) => name === `matmul ${spec.vocabSize}x${spec.hiddenSize}`)!
  t.equal(head.ops, 3 * 2 * spec.vocabSize * spec.hiddenSize, 'of one row a step: the others are not sampled')
  t.ok(head.weightBytes >= 3 * 2 * spec.vocabSize * spec.hiddenSize)
  t.same(Object.keys(head).sort(), declared('StageTime'))
  t.ok(times.every(({ ms }) => ms >= 0) && times.some(({ ms }) => ms > 0))
  t.same(model.stageTimes(), [])
  await model.dispose()
  const plain = await loadNative(fixture('models/qwen3'))
  await greedy(plain.model, [5, 6, 7], 1)
  t.same(plain.model.stageTimes(), [])
  await plain.model.dispose()
})
