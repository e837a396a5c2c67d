import t from 'tap'
import { ToolDurations } from '../../src/profiler/tool-durations.js'
import { Random, testSeed } from '../support/random.js'

t.test('a tool that was never seen takes a second', async t => {
  const durations = new ToolDurations()
  t.equal(durations.expectedMs('search'), 1000)
  t.equal(durations.remainingMs('search', 0), 1000)
})

t.test('each duration moves the expectation by a fifth of the way', async t => {
  const durations = new ToolDurations()
  durations.observe('search', 100)
  t.equal(durations.expectedMs('search'), 100)
  durations.observe('search', 200)
  t.equal(durations.expectedMs('search'), 120)
  t.equal(durations.expectedMs('other'), 1000, 'tools are apart')
})

t.test('of exponential durations the mean remains, however long it took', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const durations = new ToolDurations()
  for (let i = 0; i < 3000; i++) durations.observe('search', -2000 * Math.log(1 - random.next()))
  for (const waitedMs of [200, 1000, 2000, 4000]) {
    const remainingMs = durations.remainingMs('search', waitedMs)
    t.ok(remainingMs > 1200 && remainingMs < 3300, `after ${waitedMs} ms ${remainingMs.toFixed(0)} ms`)
  }
})

t.test('a tool of constant duration is expected back when it is due', async t => {
  const durations = new ToolDurations()
  for (let i = 0; i < 300; i++) durations.observe('clock', 3000)
  t.ok(durations.remainingMs('clock', 100) > 2800 && durations.remainingMs('clock', 100) < 3100)
  t.ok(durations.remainingMs('clock', 3500) < 1000, 'the bin of its durations ends at 4.1 s')
})

t.test('of two kinds of calls, those that are not back soon are of the slow kind', async t => {
  const durations = new ToolDurations()
  for (let i = 0; i < 200; i++) durations.observe('search', i % 10 === 0 ? 20_000 : 50)
  const remainingMs = durations.remainingMs('search', 500)
  t.ok(remainingMs > 17_000 && remainingMs < 20_000, `${remainingMs}`)
})

t.test('a call that takes longer than any before is expected to take as long again', async t => {
  const durations = new ToolDurations()
  for (let i = 0; i < 50; i++) durations.observe('search', 100)
  t.equal(durations.remainingMs('search', 60_000), 60_000)
  t.equal(durations.remainingMs('search', 1e10), 1e10)
  t.equal(durations.remainingMs('never seen', 5000), 5000)
})

t.test('when a tool becomes slower, its history follows', async t => {
  const durations = new ToolDurations()
  for (let i = 0; i < 1000; i++) durations.observe('search', 10)
  for (let i = 0; i < 600; i++) durations.observe('search', 10_000)
  t.ok(Math.abs(durations.expectedMs('search') - 10_000) < 1)
  t.ok(durations.remainingMs('search', 5) > 8000)
})

t.test('of more than 4096 names the one that was not seen for longest is forgotten', async t => {
  const durations = new ToolDurations()
  for (let i = 0; i < 4096; i++) durations.observe(`tool ${i}`, 5)
  durations.observe('tool 0', 5)
  durations.observe('another', 5)
  t.equal(durations.size, 4096)
  t.equal(durations.expectedMs('tool 0'), 5)
  t.equal(durations.expectedMs('tool 1'), 1000)
  t.equal(durations.expectedMs('tool 2'), 5)
})

t.test('saved and restored, it expects the same and forgets in the same order', async t => {
  const durations = new ToolDurations()
  for (const [index, name] of ['a', 'ä😀', '', '\ud800', 'x'.repeat(1000)].entries()) durations.observe(name, 10 + index)
  const restored = ToolDurations.fromState(durations.toState())
  for (const name of ['a', 'ä😀', '', 'x'.repeat(1000)]) t.equal(restored.remainingMs(name, 7), durations.remainingMs(name, 7))
  t.ok(Buffer.from(restored.toState()).equals(durations.toState()))
})

t.test('a damaged state is refused, whichever byte it is', async t => {
  const durations = new ToolDurations()
  durations.observe('search', 12)
  const state = durations.toState()
  for (let at = 0; at < state.length; at++) t.throws(() => ToolDurations.fromState(state.with(at, state[at]! ^ 4)), { code: 'ERR_PROFILER_STATE' }, `byte ${at}`)
})

t.test('what is no duration is refused by name', async t => {
  const durations = new ToolDurations()
  for (const value of [NaN, -1, Infinity]) {
    t.throws(() => { durations.observe('search', value) }, /durationMs is/)
    t.throws(() => durations.remainingMs('search', value), /waitedMs is/)
  }
  t.equal(durations.size, 0)
})
