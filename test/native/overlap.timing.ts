import t from 'tap'
import type { NativeModel, StepInput, StepOutput } from '../../src/native/binding.js'
import { loadAddon } from '../../src/native/addon.js'
import { fixture } from '../support/fixtures.js'
import { fillStep, greedy, loadNative, queueStep, slotParams, stepInput, stepOutput } from '../support/native-model.js'

const noIds = new Int32Array(0)
const prompt = [18, 37, 200, 171, 288, 11, 210, 102, 202, 45, 227, 172]
const filler = Array.from({ length: 120 }, (_, i) => (i * 31) % 300)

function busyWait (ms: number) {
  const end = performance.now() + ms
  while (performance.now() < end);
}

/**
 * Decodes one sequence beside a long prefill that makes each step some milliseconds long, with two
 * steps queued at any time. JavaScript sleeps on its feet for `share` of a step before it queues the next.
 */
async function decode (model: NativeModel, steps: number, share: number) {
  const slot = model.kv.open()
  model.openSlot(slot, slotParams(), noIds, noIds)
  model.kv.grow(slot, prompt.length + steps)
  const inputs = stepInput(model)
  const outputs = [stepOutput(model), stepOutput(model)]
  const tokens: number[] = []
  const idleUs: number[] = []
  let stepMs = 0

  async function queue (step: number, input: StepInput, output: StepOutput) {
    const other = model.kv.open()
    model.openSlot(other, slotParams(), noIds, noIds)
    model.kv.grow(other, filler.length)
    const own = step === 0 ? { slot, tokens: prompt, position: 0 } : { slot, tokens: [-1], position: prompt.length + step - 1 }
    fillStep(input, [own, { slot: other, tokens: filler, position: 0, outputs: 0 }])
    await queueStep(model, input, output)
    model.closeSlot(other)
    model.kv.close(other)
  }

  let running = queue(0, inputs, outputs[0]!)
  for (let step = 0; step < steps; step++) {
    const next = step + 1 < steps ? queue(step + 1, inputs, outputs[(step + 1) % 2]!) : Promise.resolve()
    await running
    const { tokens: sampled, timing } = outputs[step % 2]!
    tokens.push(sampled[0]!)
    stepMs = timing[1]! - timing[0]!
    if (step > 1) idleUs.push(timing[2]! * 1000)
    busyWait(stepMs * share)
    running = next
  }
  model.closeSlot(slot)
  model.kv.close(slot)
  idleUs.sort((a, b) => a - b)
  return { tokens, medianIdleUs: idleUs[idleUs.length >> 1]!, stepMs }
}

for (const threads of [2, 1]) {
  t.test(`JavaScript that is half a step late at every step does not let the device wait, with ${threads} compute threads`, async t => {
    loadAddon().setThreads(threads)
    const { model } = await loadNative(fixture('models/qwen3'), { kvBlocks: 256 })
    const expected = await greedy(model, prompt, 60)
    // Another process may take a core for a while: the best of a few tries is what the queue can do.
    let best = await decode(model, 60, 0.5)
    for (let tries = 1; tries < 5 && best.medianIdleUs >= 20; tries++) {
      const again = await decode(model, 60, 0.5)
      if (again.medianIdleUs < best.medianIdleUs) best = again
    }
    const { tokens, medianIdleUs, stepMs } = best
    t.ok(stepMs > 1, `a step takes ${stepMs.toFixed(1)} ms: long enough to mean something`)
    t.ok(medianIdleUs < 20, `the device idles ${medianIdleUs.toFixed(0)} us between steps (median)`)
    t.same(tokens, expected, 'placeholders gave the tokens of one step at a time')
    await model.dispose()
  })
}
