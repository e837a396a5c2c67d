import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { loadAddon } from '../../src/native/addon.js'
import { RowOutput, RowStatus } from '../../src/native/binding.js'
import { fixture } from '../support/fixtures.js'
import {
  fillStep, greedy, loadNative, queueStep, runStep, slotParams, smallLoadOptions, stepInput, stepOutput
} from '../support/native-model.js'
import { Random, testSeed } from '../support/random.js'

const model = 'models/qwen3'
const addonPath = process.env['MILLRACE_ADDON'] ?? fileURLToPath(new URL('../../build/Release/millrace.node', import.meta.url))
const noIds = new Int32Array(0)
const prompt = Array.from({ length: 200 }, (_, i) => (i * 37 + 11) % 300)

function collectGarbage () {
  if (globalThis.gc === undefined) throw new Error('run with node --expose-gc (.taprc does)')
  globalThis.gc()
}

async function open (changes = {}) {
  const loaded = await loadNative(fixture(model), { kvBlocks: 256, ...changes })
  const slot = loaded.model.kv.open()
  loaded.model.openSlot(slot, slotParams(), noIds, noIds)
  loaded.model.kv.grow(slot, 400)
  return { ...loaded, slot }
}

t.test('dispose during a step lets that step end, rejects the queued one, and may be called again', async t => {
  const { model, slot } = await open()
  const [inputs, outputs] = [stepInput(model), [stepOutput(model), stepOutput(model)]]
  fillStep(inputs, [{ slot, tokens: prompt, position: 0 }])
  const first = queueStep(model, inputs, outputs[0]!)
  fillStep(inputs, [{ slot, tokens: [-1], position: 200 }])
  const second = queueStep(model, inputs, outputs[1]!)
  const results = Promise.allSettled([first, second])
  await Promise.all([model.dispose(), model.dispose()])
  // The first may have been waiting for its thread still; then it is refused as the second is.
  const codes = (await results).map(result => result.status === 'rejected' ? result.reason.code : 'done')
  t.match(codes.join(), /^(done|ERR_MODEL_DISPOSED),ERR_MODEL_DISPOSED$/)
  t.throws(() => queueStep(model, inputs, outputs[0]!), { code: 'ERR_MODEL_DISPOSED' })
  t.throws(() => model.openSlot(slot, slotParams(), noIds, noIds), { code: 'ERR_MODEL_DISPOSED' })
  t.equal(model.kv.stats().totalBlocks, 256, 'the pool still answers')
  await model.dispose()
})

t.test('a third queued step is refused, and the two before it are not harmed', async t => {
  const { model, slot } = await open()
  const input = stepInput(model)
  const outputs = [stepOutput(model), stepOutput(model)]
  fillStep(input, [{ slot, tokens: prompt, position: 0 }])
  const first = queueStep(model, input, outputs[0]!)
  fillStep(input, [{ slot, tokens: [-1], position: 200 }])
  const second = queueStep(model, input, outputs[1]!)
  fillStep(input, [{ slot, tokens: [-1], position: 201 }])
  t.throws(() => queueStep(model, input, stepOutput(model)), { code: 'ERR_QUEUE_FULL' })
  await Promise.all([first, second])
  t.same([outputs[0]!.tokens[0], outputs[1]!.tokens[0]], await greedy(model, prompt, 2))
  await model.dispose()
})

t.test('a sequence that skips a step and returns gets the tokens it would have had', async t => {
  const { model, slot } = await open()
  const alone = await greedy(model, prompt.slice(0, 30), 4)
  const other = model.kv.open()
  model.openSlot(other, slotParams(), noIds, noIds)
  model.kv.grow(other, 100)
  const tokens: number[] = []
  const first = await runStep(model, [{ slot, tokens: prompt.slice(0, 30), position: 0 }])
  tokens.push(first.tokens[0]!)
  for (let i = 0; i < 3; i++) {
    await runStep(model, [{ slot: other, tokens: prompt.slice(i * 5, i * 5 + 5), position: i * 5 }])
    const output = await runStep(model, [{ slot, tokens: [-1], position: 30 + i }])
    tokens.push(output.tokens[0]!)
  }
  t.same(tokens, alone)
  await model.dispose()
})

t.test('rows of a slot that was closed meanwhile come back as skipped, and its id can be used at once', async t => {
  const { model, slot } = await open()
  const input = stepInput(model)
  const outputs = [stepOutput(model), stepOutput(model)]
  fillStep(input, [{ slot, tokens: prompt, position: 0 }])
  const first = queueStep(model, input, outputs[0]!)
  fillStep(input, [{ slot, tokens: [-1], position: 200 }])
  const second = queueStep(model, input, outputs[1]!)
  model.closeSlot(slot)
  model.kv.close(slot)
  const again = model.kv.open()
  t.equal(again, slot)
  model.openSlot(again, slotParams(), noIds, noIds)
  await Promise.all([first, second])
  t.equal(outputs[1]!.statuses[0], RowStatus.skipped)
  t.equal(outputs[1]!.tokenStarts[1], 0)
  await model.dispose()
})

t.test('a token mask is waited for, used once, and closing the slot ends the wait', async t => {
  const { model, slot, spec } = await open()
  const mask = new Int32Array(Math.ceil(spec.vocabSize / 32))
  mask[77 >> 5]! |= 1 << (77 & 31)
  const input = stepInput(model)
  const output = stepOutput(model)
  fillStep(input, [{ slot, tokens: prompt, position: 0, outputs: RowOutput.sample | RowOutput.awaitMask }])
  const step = queueStep(model, input, output)
  await delay(20)
  model.setMask(slot, mask)
  await step
  t.equal(output.tokens[0], 77)
  fillStep(input, [{ slot, tokens: [-1], position: 200, outputs: RowOutput.sample | RowOutput.awaitMask }])
  const abandoned = queueStep(model, input, output)
  await delay(20)
  model.closeSlot(slot)
  await abandoned
  // On a machine that is busy enough, the step had not begun to wait.
  t.ok([RowStatus.badMask, RowStatus.skipped].includes(output.statuses[0]! as never), `status ${output.statuses[0]}`)
  await model.dispose()
})

t.test('every impossible step is refused by the array at fault, and the model goes on', async t => {
  const { model, slot } = await open()
  const input = stepInput(model)
  const output = stepOutput(model)
  const refused = (what: string, change: () => void, code = 'ERR_INVALID_STEP') => {
    fillStep(input, [{ slot, tokens: prompt.slice(0, 10), position: 0 }])
    change()
    t.throws(() => queueStep(model, input, output), { code }, what)
  }
  refused('no rows', () => { input.numRows = 0 })
  refused('too many rows', () => { input.numRows = 10_000 })
  refused('a closed slot', () => { input.slots[0] = 9 })
  refused('a negative slot', () => { input.slots[0] = -1 })
  refused('an empty row', () => { input.queryStarts[1] = 0 })
  refused('more tokens than the array', () => { input.queryStarts[1] = 100_000 })
  refused('a token past the vocabulary', () => { input.tokenIds[3] = 320 })
  refused('a placeholder inside a row', () => { input.tokenIds[3] = -1 })
  refused('a gap before the row', () => { input.positions[0] = 5 })
  refused('an unknown output bit', () => { input.outputs[0] = 64 })
  refused('one slot twice', () => {
    fillStep(input, [{ slot, tokens: [1], position: 0 }, { slot, tokens: [2], position: 1 }])
  })
  refused('rows that are no number', () => { input.numRows = NaN }, 'ERR_INVALID_ARGUMENT')
  fillStep(input, [{ slot, tokens: prompt.slice(0, 10), position: 0 }])
  const queue = (of: unknown, to: unknown, done: unknown = () => {}) => () => { model.step(1, of as ArrayBuffer, to as ArrayBuffer, done as () => void) }
  for (const [what, impossible] of Object.entries({
    'an array in place of its buffer': queue(input.tokenIds, output.buffer),
    'input of another size': queue(new ArrayBuffer(input.buffer.byteLength - 4), output.buffer),
    'output of another size': queue(input.buffer, new ArrayBuffer(output.buffer.byteLength + 4)),
    'no output': queue(input.buffer, undefined),
    'nobody to tell': queue(input.buffer, output.buffer, null)
  })) t.throws(impossible, { code: 'ERR_INVALID_ARGUMENT' }, what)
  for (const params of [{ temperature: NaN }, { temperature: -1 }, { topP: 2 }, { repetitionPenalty: 0 }, { biasIds: new Int32Array([999]), biases: new Float32Array(1) }, { maxTokens: 0 }, { seed: -1n }]) {
    const other = model.kv.open()
    t.throws(() => { model.openSlot(other, slotParams(params), noIds, noIds) }, { code: /^ERR_INVALID_/ }, Object.keys(params).join())
    model.kv.close(other)
  }
  const result = await runStep(model, [{ slot, tokens: prompt.slice(0, 10), position: 0 }])
  t.ok(result.tokens[0]! >= 0)
  await model.dispose()
})

t.test('a buffer that is given away while a step runs is left alone', async t => {
  const { model, slot } = await open()
  const input = stepInput(model)
  const output = stepOutput(model)
  fillStep(input, [{ slot, tokens: prompt, position: 0 }])
  const step = queueStep(model, input, output)
  const elsewhere = structuredClone(output.buffer, { transfer: [output.buffer] })
  await step
  t.ok(new Uint8Array(elsewhere).every(byte => byte === 0))
  fillStep(input, [{ slot, tokens: [-1], position: 200 }])
  t.throws(() => queueStep(model, input, output), { code: 'ERR_INVALID_ARGUMENT' }, 'it is empty now')
  await queueStep(model, input, stepOutput(model))
  await model.dispose()
})

t.test('what done throws is an uncaught exception', async t => {
  const worker = new Worker(new URL('./stepping-worker.mjs', import.meta.url), {
    workerData: { path: fixture('models/qwen3'), steps: 1, error: 'not now' }
  })
  const [error] = await once(worker, 'error')
  t.equal((error as Error).message, 'not now')
})

t.test('what onProgress throws rejects the load', async t => {
  const addon = loadAddon()
  const { options } = await smallLoadOptions(fixture('models/qwen3'))
  await t.rejects(addon.loadModel(options, () => { throw new Error('no more') }), { message: 'no more' })
  t.throws(() => addon.loadModel({ ...options, blockTokens: 8192 }, () => {}), { code: 'ERR_INVALID_ARGUMENT' })
})

t.test('models and pools may be collected in any order, also while steps run', async t => {
  for (let i = 0; i < 12; i++) {
    let { model, slot } = await open()
    const kv = model.kv
    const steps = [prompt, [-1]].map((tokens, k) => {
      const input = stepInput(model)
      fillStep(input, [{ slot, tokens, position: k * 200 }])
      return queueStep(model, input, stepOutput(model))
    })
    model = undefined as never
    slot = undefined as never
    collectGarbage()
    if (i % 2 === 0) await Promise.all(steps)
    t.equal(kv.stats().totalBlocks, 256)
    collectGarbage()
    await delay(1)
  }
})

t.test('a worker may be terminated at any moment of a load or a step; the process and other models live', async t => {
  const { model } = await open()
  const before = await greedy(model, prompt, 8)
  for (const waitMs of [0, 30, 60, 120, 200, 300, 400, 500]) {
    const worker = new Worker(new URL('./stepping-worker.mjs', import.meta.url), {
      workerData: { path: fixture('models/qwen3') }
    })
    worker.on('error', error => { t.fail(error.message) })
    if (waitMs >= 400) await once(worker, 'message')
    await delay(waitMs)
    await worker.terminate()
  }
  t.same(await greedy(model, prompt, 8), before)
  await model.dispose()
})

for (const way of ['throwing', 'loading', 'reading', 'failing']) {
  t.test(`a worker may be terminated while it is ${way}: nothing reaches for JavaScript that is gone`, async t => {
    const seed = testSeed()
    t.comment(`seed ${seed}`)
    const random = new Random(seed)
    const { options } = await smallLoadOptions(fixture(model))
    for (let i = 0; i < 15; i++) {
      const worker = new Worker(new URL('./busy-worker.mjs', import.meta.url), {
        workerData: { addonPath, options, way },
        // Without the loaders of this process, which take longer than all else.
        execArgv: []
      })
      worker.on('error', error => { t.fail(error.message) })
      await once(worker, 'message')
      await delay(random.next() * 15)
      await worker.terminate()
    }
    t.pass('the process lives')
  })
}

t.test('a process ends by itself while a model is loaded but idle', async t => {
  const worker = new Worker(new URL('./stepping-worker.mjs', import.meta.url), {
    workerData: { path: fixture('models/qwen3'), steps: 3 }
  })
  const [code] = await once(worker, 'exit')
  t.equal(code, 0)
})
