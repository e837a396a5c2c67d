import t from 'tap'
import { RowOutput } from '../../src/core/step.js'
import type { StepCosts } from '../../src/profiler/step-costs.js'
import { countsOf, setup } from '../support/scheduler-rig.js'

const costs: StepCosts = { fixedMs: 20, decodeMs: 1, prefillTokenMs: 1, contextTokenMs: 0, prefillContextTokenMs: 0 }
/** One period: the script goes on with 1000 + 100 * id + i, which no draft can guess; see `repeating`. */
const period = [1, 2, 3, 4, 5]
const repeating = (length: number): Int32Array => Int32Array.from({ length }, (_, i) => period[i % period.length]!)

const drafting = (options: Parameters<typeof setup>[0] = {}) => setup({ speculates: true, stepCosts: () => costs, maxBatchTokens: 64, ...options })

t.test('a row of a sequence that repeats itself has a draft, and the plan after it waits', async t => {
  const { add, plan, commit, scheduler, steps } = drafting()
  const sequence = add(10, { promptIds: repeating(10), maxTokens: 40, maxDraftTokens: 4 })
  steps.script(sequence, { tokens: repeating(50), stops: false })
  const prompt = plan()!
  t.ok(prompt.outputs[0] === RowOutput.sample, 'the prompt has none')
  commit(prompt)
  const first = plan()!
  t.same(countsOf(first), [5])
  t.equal(first.outputs[0], RowOutput.sample | RowOutput.verify)
  t.same([...first.tokenIds.subarray(0, 5)], [1, 2, 3, 4, 5])
  t.equal(plan(), undefined, 'nobody knows where the sequence goes on')
  commit(first)
  t.equal(sequence.generatedTokens, 6)
  t.same(scheduler.stats().speculation, { drafts: 1, draftTokens: 4, acceptedTokens: 4, acceptedByPosition: [1, 1, 1, 1] })
  t.same(steps.faults, [])
})

t.test('after a wrong draft the next row begins behind the last right token', async t => {
  const { add, plan, commit, steps } = drafting()
  const sequence = add(10, { promptIds: repeating(10), maxTokens: 40, maxDraftTokens: 4 })
  const tokens = repeating(50)
  tokens[13] = 99
  steps.script(sequence, { tokens, stops: false })
  commit(plan()!)
  commit(plan()!)
  t.same([...sequence.tokens.subarray(10, sequence.numTokens)], [1, 2, 3, 99])
  const next = plan()!
  t.equal(next.positions[0], 13)
  t.same(countsOf(next), [1], '99 has not stood there before')
  t.ok(plan(), 'plans go on one behind the other when nothing is drafted')
  t.same(steps.faults, [])
})

t.test('drafts end at the token limit, at the end of the blocks and at the room of the plan', async t => {
  for (const [options, maxTokens, expected] of [[{}, 4, 2], [{ blocks: 4 }, 40, 5], [{ maxBatchTokens: 10 }, 40, 4]] as const) {
    const { add, plan, commit, steps } = drafting({ ...options, maxNumSeqs: 2 })
    const sequence = add(10, { promptIds: repeating(10), maxTokens, maxDraftTokens: 30 })
    steps.script(sequence, { tokens: repeating(10 + sequence.maxTokens), stops: false })
    commit(plan()!)
    t.same(countsOf(plan()!), [1 + expected], JSON.stringify({ ...options, maxTokens }))
  }
})

t.test('drafts get shorter the more sequences share a step, and none is made where a token costs what it saves', async t => {
  const lengths: number[] = []
  for (const others of [0, 3, 7]) {
    const { add, plan, commit, steps } = drafting()
    const sequence = add(10, { promptIds: repeating(10), maxTokens: 40, maxDraftTokens: 30 })
    steps.script(sequence, { tokens: repeating(50), stops: false })
    for (let i = 0; i < others; i++) add(3, { maxTokens: 40 })
    commit(plan()!)
    const next = plan()!
    lengths.push(countsOf(next)[0]! - 1)
  }
  // 0.6^n is worth 1/21, 4/24 and 8/28 of a step.
  t.same(lengths, [5, 3, 2])
  const dear = drafting({ stepCosts: () => ({ ...costs, fixedMs: 0 }) })
  const sequence = dear.add(10, { promptIds: repeating(10), maxTokens: 40, maxDraftTokens: 30 })
  dear.steps.script(sequence, { tokens: repeating(50), stops: false })
  dear.commit(dear.plan()!)
  t.same(countsOf(dear.plan()!), [1])
})

t.test('sequences without drafts, and schedulers that do not speculate, plan as ever', async t => {
  for (const [options, maxDraftTokens] of [[{ speculates: false }, 8], [{}, 0]] as const) {
    const { add, plan, commit, steps } = drafting(options)
    const sequence = add(10, { promptIds: repeating(10), maxTokens: 40, maxDraftTokens })
    steps.script(sequence, { tokens: repeating(50), stops: false })
    commit(plan()!)
    t.same(countsOf(plan()!), [1])
    t.ok(plan())
  }
})

t.test('an answer that ends within a draft ends there', async t => {
  const { add, plan, commit, pool, steps } = drafting()
  const sequence = add(10, { promptIds: repeating(10), maxTokens: 40, maxDraftTokens: 8 })
  steps.script(sequence, { tokens: repeating(13), stops: true })
  commit(plan()!)
  commit(plan()!)
  t.equal(sequence.finishReason, 'stop')
  t.equal(sequence.generatedTokens, 3)
  t.equal(pool.stats().usedBlocks, 0)
})
