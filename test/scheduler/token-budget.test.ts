import t from 'tap'
import { decodeStepMs, promptMs } from '../../src/profiler/step-costs.js'
import { stepTimeBudget, type BudgetInput } from '../../src/scheduler/token-budget.js'
import { Random, testSeed } from '../support/random.js'

const costs = { fixedMs: 28, prefillTokenMs: 1.3, decodeMs: 1.2, contextTokenMs: 0.002, prefillContextTokenMs: 0.0004 }
const input = (changes: Partial<BudgetInput> = {}): BudgetInput =>
  ({ maxBatchTokens: 512, decodes: 16, contextTokens: 2000, promptPosition: 0, tpotSloMs: Infinity, costs, ...changes })

t.test('where nobody decodes a step is as large as it can be', async t => {
  t.equal(stepTimeBudget()(input({ decodes: 0, contextTokens: 0 })), 512)
})

t.test('a step with prompts takes at most three times one without, or the smallest chunk', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const budget = stepTimeBudget({ minPrefillTokens: 32 })
  for (let i = 0; i < 2000; i++) {
    const decodes = random.integer(1, 64)
    const contextTokens = decodes * random.integer(1, 4000)
    const scaled = { ...costs, fixedMs: random.integer(1, 400), prefillTokenMs: random.integer(1, 3000) / 1000 }
    const promptPosition = random.chance(0.5) ? 0 : random.integer(1, 20_000)
    const tokens = budget(input({ decodes, contextTokens, promptPosition, costs: scaled }))
    const prompts = tokens - decodes
    const withoutMs = decodeStepMs(scaled, decodes, contextTokens)
    if (prompts < 32) t.fail('less than the smallest chunk')
    if (prompts > 32 && withoutMs + promptMs(scaled, promptPosition, prompts) > Math.max(60, 3 * withoutMs) + 1e-9) t.fail(`${prompts} tokens take too long`)
  }
})

t.test('a time per token that a request wants makes the steps shorter', async t => {
  const budget = stepTimeBudget({ minPrefillTokens: 16 })
  const relaxed = budget(input())
  const strict = budget(input({ tpotSloMs: 200 }))
  t.ok(strict < relaxed)
  t.ok(decodeStepMs(costs, 16, 2000) + promptMs(costs, 0, strict - 16) <= 0.6 * 200)
})

t.test('a longer target never gives a smaller step', async t => {
  let last = 0
  for (let targetMs = 10; targetMs < 1000; targetMs += 10) {
    const tokens = stepTimeBudget({ targetMs })(input())
    if (tokens < last) t.fail(`${tokens} tokens at ${targetMs} ms`)
    last = tokens
  }
  t.ok(last > 512 / 2)
})

t.test('far into a long prompt a step takes fewer of its tokens', async t => {
  const budget = stepTimeBudget({ targetMs: 300 })
  const near = budget(input({ promptPosition: 0 }))
  const far = budget(input({ promptPosition: 8000 }))
  t.ok(far < near / 2, `${near} tokens at its beginning, ${far} after 8000`)
  const nextMs = decodeStepMs(costs, 16, 2000) + promptMs(costs, 8000, far - 16 + 16)
  t.ok(nextMs > 300, `sixteen tokens more would take ${nextMs} ms`)
})

t.test('prompts that cost nothing fill the step', async t => {
  const free = { ...costs, prefillTokenMs: 0, prefillContextTokenMs: 0 }
  t.ok(stepTimeBudget()(input({ costs: free })) >= 512)
})
