// Loads a model and steps it without end (or `steps` times), two steps queued at any time. With `error`, `done` throws
// that.
import { parentPort, workerData } from 'node:worker_threads'
import { register } from 'tsx/esm/api'

register() // a worker does not inherit the loader in Node 20
const { fillStep, loadNative, queueStep, slotParams, stepInput, stepOutput } = await import('../support/native-model.ts')

const { model } = await loadNative(workerData.path, { kvBlocks: 256 })
const noIds = new Int32Array(0)
const prompt = Array.from({ length: 200 }, (_, i) => (i * 37 + 11) % 300)
parentPort.postMessage('loaded')

for (let round = 0; round < (workerData.steps ?? Infinity); round++) {
  const slot = model.kv.open()
  model.openSlot(slot, slotParams(), noIds, noIds)
  model.kv.grow(slot, 400)
  const steps = [prompt, [-1]].map((tokens, k) => {
    const input = stepInput(model)
    fillStep(input, [{ slot, tokens, position: k * 200 }])
    if (workerData.error === undefined) return queueStep(model, input, stepOutput(model))
    model.step(input.numRows, input.buffer, stepOutput(model).buffer, () => { throw new Error(workerData.error) })
    return new Promise(() => {})
  })
  await Promise.all(steps)
  model.closeSlot(slot)
  model.kv.close(slot)
}
