import t from 'tap'
import { chatText, Profiling } from '../../src/engine/profiling.js'
import { answering, scriptedEngine } from '../support/scripted-model.js'
import { ExternalLengths } from '../../src/engine/external-lengths.js'
import { loadTinyEngine } from '../support/tiny-engine.js'

const letters = ['', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']

t.test('the engine learns the lengths of answers, and tells how well it predicted them', async t => {
  const { engine } = scriptedEngine(letters, { next: answering(1, 2, 3) })
  t.teardown(async () => { await engine.close() })
  t.equal(engine.stats().profiler.lengths, undefined)
  for (let i = 0; i < 30; i++) await engine.chat({ messages: [{ role: 'user', content: 'abc' }] }).result()
  const { lengths, recentLengths, censoredAnswers } = engine.stats().profiler
  t.equal(lengths!.answers, 30)
  t.equal(censoredAnswers, 0)
  t.ok(lengths!.top1Ratio > 0.7, `${lengths!.top1Ratio} of answers of 4 tokens were expected below 8`)
  t.same(recentLengths, lengths)
})

t.test('answers that were cut are counted apart, and those that failed are not counted', async t => {
  const { engine } = scriptedEngine(letters, { next: answering(1, 2, 3, 4, 5, 6) })
  t.teardown(async () => { await engine.close() })
  await engine.complete({ prompt: 'a', maxTokens: 2 }).result()
  const aborted = engine.complete({ prompt: 'a' })
  await aborted.accepted
  aborted.abort()
  await aborted.result()
  await t.rejects(engine.complete({ prompt: '' }).result())
  const { lengths, censoredAnswers } = engine.stats().profiler
  t.equal(lengths, undefined)
  t.equal(censoredAnswers, 2)
})

t.test('each choice of a request is an answer of its own', async t => {
  const { engine } = scriptedEngine(letters, { next: answering(1, 2) })
  t.teardown(async () => { await engine.close() })
  await engine.complete({ prompt: 'ab', n: 3 }).result()
  t.equal(engine.stats().profiler.lengths!.answers, 3)
})

t.test('a turn of a session is predicted with the length of the answer before it, of its own tenant', async t => {
  const known: Array<number | undefined> = []
  const externalLengths = new ExternalLengths({
    predict: async ({ previousTokens }) => {
      known.push(previousTokens)
      return { probabilities: [1, 0, 0, 0, 0, 0, 0, 0, 0] }
    }
  }, () => performance.now(), () => {})
  const { engine } = scriptedEngine(letters, { next: answering(1, 2, 3) }, { externalLengths })
  t.teardown(async () => { await engine.close() })
  const turn = async (sessionId?: string, cacheSalt?: string, maxTokens?: number): Promise<void> => {
    await engine.complete({ prompt: 'ab', sessionId, cacheSalt, maxTokens }).result()
  }
  await turn('one')
  await turn('one', undefined, 2)
  await turn('one')
  await turn('two')
  await turn('one', 'other tenant')
  await turn()
  const aborted = engine.complete({ prompt: 'ab', sessionId: 'three' })
  await aborted.accepted
  aborted.abort()
  await aborted.result()
  await turn('three')
  t.same(known, [undefined, 4, 2, undefined, undefined, undefined, undefined, undefined])
})

t.test('the costs of steps follow what steps of this engine take', async t => {
  const engine = await loadTinyEngine()
  t.teardown(async () => { await engine.close() })
  const before = engine.stats().profiler
  t.equal(before.stepCostQuality, undefined)
  for (let i = 0; i < 10; i++) await engine.complete({ prompt: Array.from({ length: 60 }, (_, at) => 10 + (at + i) % 90), maxTokens: 20, ignoreEos: true }).result()
  const { stepCosts, stepCostQuality } = engine.stats().profiler
  t.ok(stepCostQuality!.steps >= 200, `${stepCostQuality!.steps} steps`)
  // Two layers of 64 take a fraction of a millisecond, not 28.
  t.ok(stepCosts.fixedMs < before.stepCosts.fixedMs / 4, `${stepCosts.fixedMs} ms`)
})

t.test('saved and restored, it predicts as before; damaged, it is refused', async t => {
  const profiling = new Profiling()
  t.notOk(profiling.hasNews)
  profiling.tools.observe('search', 250)
  const state = profiling.toState()
  const restored = Profiling.fromState(state)
  const request = { text: 'hello', promptTokens: 4 }
  t.same(restored.predict(request), profiling.predict(request))
  t.same(restored.stepCosts, profiling.stepCosts)
  t.equal(restored.tools.expectedMs('search'), 250)
  for (const at of [0, 20, 1000, state.length - 1]) t.throws(() => Profiling.fromState(state.with(at, state[at]! ^ 1)), { code: 'ERR_PROFILER_STATE' })
})

t.test('what is answered is the user\'s last message, else the last of all', async t => {
  const system = { role: 'system', content: 'Be brief.' } as const
  const user = { role: 'user', content: 'Hello' } as const
  t.same(chatText([system, user, { role: 'assistant', content: null, tool_calls: [] }, { role: 'tool', content: '5' }]), { text: 'Hello', systemPrompt: 'Be brief.' })
  t.same(chatText([{ role: 'assistant', content: null }]), { text: '', systemPrompt: '' })
  t.same(chatText([{ role: 'developer', content: 'x' }]), { text: 'x', systemPrompt: 'x' })
})
