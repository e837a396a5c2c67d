import t from 'tap'
import { StepCostModel } from '../../src/profiler/step-cost-model.js'
import { initialStepCosts, promptContext, stepMs, type StepCosts, type StepWork } from '../../src/profiler/step-costs.js'
import { Random, testSeed } from '../support/random.js'

const gpu: StepCosts = { fixedMs: 6, prefillTokenMs: 0.02, decodeMs: 0.03, contextTokenMs: 0.00004, prefillContextTokenMs: 0.000008 }
const slowCpu: StepCosts = { fixedMs: 90, prefillTokenMs: 9, decodeMs: 4, contextTokenMs: 0.02, prefillContextTokenMs: 0.004 }

const oneDecode: StepWork = { prefillTokens: 0, decodes: 1, contextTokens: 0, prefillContextTokens: 0 }

function randomStep (random: Random, prefillShare: number): StepWork {
  const prefillTokens = random.chance(prefillShare) ? random.integer(1, 500) : 0
  const decodes = random.integer(prefillTokens > 0 ? 0 : 1, 32)
  const position = random.chance(0.5) ? 0 : random.integer(1, 4000)
  return { prefillTokens, decodes, contextTokens: decodes * random.integer(20, 1000), prefillContextTokens: promptContext(position, prefillTokens) }
}

/** Steps of true costs, with relative noise; `slowdown` of one step in twenty. */
function observeMany (model: StepCostModel, truth: StepCosts, random: Random, steps: number, options: { prefillShare?: number, noise?: number, slowdown?: number } = {}): void {
  const { prefillShare = 0.3, noise = 0, slowdown = 1 } = options
  for (let i = 0; i < steps; i++) {
    const step = randomStep(random, prefillShare)
    const factor = (1 + noise * (2 * random.next() - 1)) * (random.chance(0.05) ? slowdown : 1)
    model.observe(step, factor * stepMs(truth, step))
  }
}

/** Mean relative error on steps of true costs. */
function errorOf (costs: StepCosts, truth: StepCosts, random: Random, prefillShare = 0.3): number {
  let sum = 0
  for (let i = 0; i < 500; i++) {
    const step = randomStep(random, prefillShare)
    const actualMs = stepMs(truth, step)
    sum += Math.abs(stepMs(costs, step) - actualMs) / actualMs
  }
  return sum / 500
}

t.test('before the first step the initial costs hold', async t => {
  const model = new StepCostModel()
  t.same(model.costs, initialStepCosts)
  t.equal(model.quality(), undefined)
})

t.test('it finds the costs of engines that are much faster and much slower', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  for (const truth of [gpu, slowCpu]) {
    const random = new Random(seed)
    const model = new StepCostModel()
    observeMany(model, truth, random, 1500, { noise: 0.1 })
    const error = errorOf(model.costs, truth, random)
    t.ok(error < 0.06, `${(100 * error).toFixed(2)} %`)
    t.ok(model.quality()!.meanErrorRatio < 0.1 && Math.abs(model.quality()!.biasRatio) < 0.04, JSON.stringify(model.quality()))
  }
})

t.test('steps that are five times slower because of a neighbour do not spoil it', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const model = new StepCostModel()
  observeMany(model, slowCpu, random, 1500, { noise: 0.1, slowdown: 5 })
  const error = errorOf(model.costs, slowCpu, random)
  t.ok(error < 0.06, `${(100 * error).toFixed(2)} %`)
})

t.test('with decoding only, what prompts cost is scaled like the rest', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const model = new StepCostModel()
  const third: StepCosts = { fixedMs: 28 / 3, prefillTokenMs: 1.3 / 3, decodeMs: 1.2 / 3, contextTokenMs: 0.002 / 3, prefillContextTokenMs: 0.0004 / 3 }
  observeMany(model, third, new Random(seed), 2000, { prefillShare: 0, noise: 0.05 })
  t.ok(Math.abs(model.costs.prefillTokenMs - 1.3 / 3) < 0.03, `${model.costs.prefillTokenMs}`)
  t.ok(Math.abs(model.costs.fixedMs - 28 / 3) < 1, `${model.costs.fixedMs}`)
})

t.test('long decoding does not wipe out what prompts cost', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const model = new StepCostModel()
  // Prompts are ten times as dear as the initial costs would have them beside the rest.
  const truth: StepCosts = { ...initialStepCosts, prefillTokenMs: 13 }
  observeMany(model, truth, random, 300)
  observeMany(model, truth, random, 20_000, { prefillShare: 0, noise: 0.1 })
  t.ok(Math.abs(model.costs.prefillTokenMs - 13) < 0.7, `${model.costs.prefillTokenMs}`)
})

t.test('what prompt tokens attend to is told apart from what they cost by themselves', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const model = new StepCostModel()
  observeMany(model, slowCpu, random, 1500, { prefillShare: 0.5, noise: 0.1 })
  const near = stepMs(model.costs, { ...oneDecode, prefillTokens: 64, prefillContextTokens: promptContext(0, 64) })
  const far = stepMs(model.costs, { ...oneDecode, prefillTokens: 64, prefillContextTokens: promptContext(3000, 64) })
  const expected = 64 * 3000 * slowCpu.prefillContextTokenMs
  t.ok(Math.abs((far - near) / expected - 1) < 0.15, `${far - near} ms more after 3000 tokens, expected ${expected}`)
})

t.test('when the machine becomes slower for good, it follows', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const model = new StepCostModel()
  observeMany(model, gpu, random, 1000, { noise: 0.05 })
  const slower: StepCosts = { fixedMs: 12, prefillTokenMs: 0.04, decodeMs: 0.06, contextTokenMs: 0.00008, prefillContextTokenMs: 0.000016 }
  observeMany(model, slower, random, 1500, { noise: 0.05 })
  const error = errorOf(model.costs, slower, random)
  t.ok(error < 0.06, `${(100 * error).toFixed(2)} %`)
})

t.test('costs are finite and above 0, whatever the steps took', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  for (let round = 0; round < 20; round++) {
    const model = new StepCostModel()
    for (let i = 0; i < 300; i++) {
      model.observe(randomStep(random, random.next()), 10 ** (8 * random.next() - 4))
      for (const [name, cost] of Object.entries(model.costs)) if (!(Number.isFinite(cost) && cost > 0)) t.fail(`${name} is ${cost}`)
    }
  }
})

t.test('a cost that does not show in the steps is nearly nothing, not nothing', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const model = new StepCostModel()
  for (let i = 0; i < 1000; i++) {
    const step = randomStep(random, 0.3)
    model.observe(step, 20 + step.prefillTokens)
  }
  const { contextTokenMs, prefillTokenMs } = model.costs
  t.ok(contextTokenMs > 0 && contextTokenMs < initialStepCosts.contextTokenMs / 10, `${contextTokenMs}`)
  t.ok(Math.abs(prefillTokenMs - 1) < 0.05, `${prefillTokenMs}`)
})

t.test('the published error is that of predictions made before the step', async t => {
  const model = new StepCostModel()
  model.observe(oneDecode, 2 * stepMs(initialStepCosts, oneDecode))
  t.same(model.quality(), { steps: 1, meanErrorRatio: 0.5, biasRatio: -0.5 })
  for (let i = 0; i < 600; i++) model.observe(oneDecode, 20)
  t.equal(model.quality()!.steps, 256)
  t.ok(model.quality()!.meanErrorRatio < 5e-3, 'the window has forgotten the start')
})

t.test('a step of nothing teaches nothing', async t => {
  const model = new StepCostModel()
  model.observe({ ...oneDecode, decodes: 0 }, 50)
  model.observe(oneDecode, 0)
  t.same(model.costs, initialStepCosts)
  t.equal(model.quality(), undefined)
})

t.test('saved and restored, it goes on as before; damaged, it is refused', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const model = new StepCostModel()
  observeMany(model, gpu, new Random(seed), 200, { noise: 0.2 })
  const state = model.toState()
  const restored = StepCostModel.fromState(state)
  t.same(restored.costs, model.costs)
  for (const each of [model, restored]) observeMany(each, gpu, new Random(seed + 1), 50)
  t.same(restored.costs, model.costs)
  for (let at = 0; at < state.length; at++) t.throws(() => StepCostModel.fromState(state.with(at, state[at]! ^ 16)), { code: 'ERR_PROFILER_STATE' }, `byte ${at}`)
})

t.test('what is no amount is refused by name', async t => {
  const model = new StepCostModel()
  t.throws(() => { model.observe({ ...oneDecode, prefillTokens: NaN }, 1) }, /prefillTokens is NaN/)
  t.throws(() => { model.observe({ ...oneDecode, decodes: -1 }, 1) }, /decodes is -1/)
  t.throws(() => { model.observe({ ...oneDecode, contextTokens: Infinity }, 1) }, /contextTokens is Infinity/)
  t.throws(() => { model.observe(oneDecode, NaN) }, /durationMs is NaN/)
  t.throws(() => new StepCostModel({ ...initialStepCosts, decodeMs: 0 }), /decodeMs is 0/)
})
