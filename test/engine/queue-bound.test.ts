import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { OverloadedError } from '../../src/core/errors.js'
import type { Generation } from '../../src/engine/api.js'
import type { Engine } from '../../src/engine/engine.js'
import { loadParts } from '../../src/engine/load.js'
import { choicesOf, estimatedMessageTokens, estimatedPromptTokens, QueueBound } from '../../src/engine/queue-bound.js'
import { refuseInVain } from '../../src/engine/slo.js'
import type { ChatInput } from '../../src/model/chat/chat-template.js'
import { eventually } from '../support/http.js'
import { loadTinyEngine, tinyModel } from '../support/tiny-engine.js'

function bound (limits: { maxQueuedRequests?: number, maxQueuedTokens?: number } = {}) {
  const backlog = { sequences: 0, promptTokens: 0, freeRows: 0 }
  const queue = new QueueBound({ maxQueuedRequests: 4, maxQueuedTokens: 100, ...limits, backlog: () => backlog, waitMs: () => 8000 })
  return { queue, backlog }
}

t.test('requests may wait up to the bound, those that are being tokenised among them', t => {
  const { queue, backlog } = bound()
  backlog.sequences = 2
  const entries = [queue.enter(1, 1), queue.enter(1, 1)]
  t.throws(() => queue.enter(1, 1), { code: 'ERR_OVERLOADED', statusCode: 429, reason: 'queuedRequests', message: /4 requests wait, and at most 4 may/ })
  entries[0]!.leave()
  entries[0]!.leave()
  t.throws(() => queue.enter(2, 1), { code: 'ERR_OVERLOADED', reason: 'queuedRequests' }, 'two choices count two')
  t.doesNotThrow(() => { queue.check(1, 1) })
  t.end()
})

t.test('what can run at once does not count as waiting', t => {
  const { queue, backlog } = bound({ maxQueuedRequests: 1 })
  backlog.freeRows = 3
  const entries = [1, 2, 3, 4].map(() => queue.enter(1, 1))
  t.throws(() => queue.enter(1, 1), { code: 'ERR_OVERLOADED', reason: 'queuedRequests' })
  for (const entry of entries) entry.leave()
  t.doesNotThrow(() => queue.enter(1, 1).leave())
  t.end()
})

t.test('prompt tokens may wait up to the bound, by an estimate first and then as they are', t => {
  const { queue, backlog } = bound()
  const first = queue.enter(1, 60)
  t.throws(() => queue.enter(1, 41), { reason: 'queuedTokens', message: /about 41 tokens: 60 wait, and at most 100 may/ })
  const second = queue.enter(1, 40)
  t.throws(() => { second.tokenised(41) }, { code: 'ERR_OVERLOADED', reason: 'queuedTokens' }, 'they were more than it seemed')
  second.leave()
  first.tokenised(10)
  backlog.promptTokens = 80
  t.throws(() => { queue.check(1, 11) }, { code: 'ERR_OVERLOADED', reason: 'queuedTokens' })
  t.doesNotThrow(() => { queue.check(1, 10) })
  first.leave()
  t.doesNotThrow(() => { queue.check(1, 20) })
  t.end()
})

t.test('what is larger than the whole bound is taken when nothing waits, and only then', t => {
  const { queue, backlog } = bound()
  t.doesNotThrow(() => queue.enter(128, 5000).leave())
  backlog.sequences = 1
  t.throws(() => { queue.check(128, 1) }, { code: 'ERR_OVERLOADED', reason: 'queuedRequests' })
  backlog.promptTokens = 1
  t.throws(() => { queue.check(1, 5000) }, { code: 'ERR_OVERLOADED', reason: 'queuedTokens' })
  t.end()
})

t.test('a refusal says to come back when enough of the queue is gone, and no later than clients heed', t => {
  const { queue, backlog } = bound()
  const retryAfterMs = (): number => {
    try {
      queue.check(1, 1)
    } catch (error) {
      return (error as OverloadedError).retryAfterMs
    }
    throw new Error('it was taken')
  }
  backlog.sequences = 4
  t.equal(retryAfterMs(), 8000 / 4, 'one of four must go')
  backlog.sequences = 100
  t.equal(retryAfterMs(), 8000 * 97 / 100)
  t.equal(new OverloadedError('giveUp', 'It is long.', 1e9).retryAfterMs, 60_000)
  t.equal(new OverloadedError('giveUp', 'It is short.', 0).retryAfterMs, 100)
  t.end()
})

t.test('tokens and choices of what has not been checked are guessed without an error', t => {
  t.equal(estimatedPromptTokens('x'.repeat(9)), 3)
  t.equal(estimatedPromptTokens([1, 2, 3]), 3)
  t.equal(estimatedMessageTokens([{ content: 'four' }, { content: null }, null, 7, { content: ['x'] }, { content: 'nine char' }]), 1 + 3 + 1)
  for (const odd of [undefined, null, 7, {}, 'text']) t.equal(estimatedMessageTokens(odd), 0)
  for (const n of [undefined, 1, 0, -1, 1.5, NaN, 1e9, 'x' as unknown as number]) t.equal(choicesOf({ n }), 1)
  t.equal(choicesOf({ n: 128 }), 128)
  t.end()
})

t.test('waiting is refused when its caller gives up before, unless nobody is before it', t => {
  const forecast = { waitMs: 900, ttftMs: 1000, e2eMs: 9000 }
  t.doesNotThrow(() => { refuseInVain(1000, forecast) })
  t.throws(() => { refuseInVain(400, forecast) }, { code: 'ERR_OVERLOADED', reason: 'giveUp', retryAfterMs: 600, message: /begin in 1\.0 s, when its caller has given up \(in 0\.4 s\)/ })
  t.doesNotThrow(() => { refuseInVain(400, { ...forecast, waitMs: 0 }) })
  t.end()
})

const long = { maxTokens: 200, ignoreEos: true }

t.test('an engine refuses what its queue has no room for at once, and goes on when there is room', async t => {
  const engine = await loadTinyEngine({ maxNumSeqs: 1, maxQueuedRequests: 2 })
  t.teardown(async () => { await engine.close() })
  const running = [1, 2, 3].map(() => engine.complete({ prompt: [1, 2, 3], ...long }))
  const refused = engine.complete({ prompt: [1, 2, 3], maxTokens: 1 })
  await t.rejects(refused.accepted, { code: 'ERR_OVERLOADED', reason: 'queuedRequests' })
  await t.rejects(refused.result(), { code: 'ERR_OVERLOADED' })
  t.throws(() => { engine.checkQueue(1) }, { code: 'ERR_OVERLOADED' })
  t.equal(engine.metrics().measured.refused.queuedRequests, 2)
  t.equal(engine.stats().requests, 3, 'nothing is left of it')
  await Promise.all(running.map(async generation => await generation.accepted))
  await t.rejects(engine.complete({ prompt: [1, 2, 3], maxTokens: 1 }).result(), { code: 'ERR_OVERLOADED' }, 'also when the scheduler has them')
  for (const generation of running) generation.abort()
  await Promise.all(running.map(async generation => await generation.result()))
  t.equal((await engine.complete({ prompt: [1, 2, 3], maxTokens: 1 }).result()).usage.completionTokens, 1)
})

t.test('a huge prompt is refused before it is tokenised', async t => {
  const { tokenizer } = await loadParts(tinyModel, { kernels: 'scalar', threads: 1 }, {})
  const encoded: number[] = []
  const watched = new Proxy(tokenizer, {
    get (target, name) {
      const value: unknown = Reflect.get(target, name)
      if (name !== 'encode') return typeof value === 'function' ? value.bind(target) as unknown : value
      return async (text: string) => {
        encoded.push(text.length)
        return await target.encode(text)
      }
    }
  })
  const engine = await loadTinyEngine({ maxNumSeqs: 1, maxQueuedTokens: 1000 }, { tokenizer: watched })
  t.teardown(async () => { await engine.close() })
  const first = engine.complete({ prompt: 'Hello', ...long })
  const huge = engine.complete({ prompt: 'la '.repeat(5000), maxTokens: 1 })
  await t.rejects(huge.result(), { code: 'ERR_OVERLOADED', reason: 'queuedTokens' })
  await first.accepted
  t.same(encoded, [5])
  t.equal(engine.metrics().measured.refused.queuedTokens, 1)
  first.abort()
  await first.result()
  await t.rejects(engine.complete({ prompt: 'la '.repeat(5000), maxTokens: 1 }).result(), { code: 'ERR_PROMPT_TOO_LONG' }, 'with nothing before it, it is looked at')
})

t.test('what ends before it is queued gives its place back', async t => {
  const engine = await loadTinyEngine({ maxNumSeqs: 1, maxQueuedRequests: 1 })
  t.teardown(async () => { await engine.close() })
  for (let i = 0; i < 20; i++) {
    const controller = new AbortController()
    const bad: Generation[] = [
      engine.complete({ prompt: 'Hello', maxTokens: 1, signal: controller.signal }),
      engine.complete({ prompt: 'Hello', maxTokens: -1 })
    ]
    controller.abort()
    await Promise.allSettled(bad.map(async generation => await generation.result()))
    // What is aborted keeps its place until its text is tokens: that work goes on.
    await eventually(() => hasRoom(engine), `room after round ${i}`)
  }
  const both = [1, 2].map(() => engine.complete({ prompt: [1, 2], maxTokens: 2 }))
  for (const generation of both) t.ok((await generation.result()).usage.completionTokens > 0)
})

function hasRoom (engine: Engine): boolean {
  try {
    engine.checkQueue(1)
    return true
  } catch {
    return false
  }
}

t.test('a request is refused when its caller gives up before its turn', async t => {
  const engine = await loadTinyEngine({ maxNumSeqs: 1 })
  t.teardown(async () => { await engine.close() })
  const running = [1, 2, 3].map(() => engine.complete({ prompt: [1, 2, 3], ...long }))
  await Promise.all(running.map(async generation => await generation.accepted))
  await t.rejects(engine.complete({ prompt: [1], maxTokens: 1, giveUpMs: 0.001 }).result(), { code: 'ERR_OVERLOADED', reason: 'giveUp' })
  const patient = engine.complete({ prompt: [1], maxTokens: 1, giveUpMs: 1e9 })
  t.equal(engine.metrics().measured.refused.giveUp, 1)
  await t.rejects(engine.embed({ input: ['mill', 'river'], giveUpMs: 0.001 }), { code: 'ERR_OVERLOADED', reason: 'giveUp' }, 'embeddings too')
  for (const generation of running) generation.abort()
  t.equal((await patient.result()).usage.completionTokens, 1)
  for (const giveUpMs of [0, -1, NaN, Infinity]) {
    await t.rejects(engine.complete({ prompt: [1], giveUpMs }).result(), { code: 'ERR_INVALID_PARAMETER', param: 'giveUpMs' })
    await t.rejects(engine.embed({ input: 'mill', giveUpMs }), { code: 'ERR_INVALID_PARAMETER', param: 'giveUpMs' })
  }
})

t.test('a prompt that does not fit costs no compilation of its constraint', async t => {
  const engine = await loadTinyEngine()
  t.teardown(async () => { await engine.close() })
  const constraint = { type: 'regex', pattern: '[a-z]{3}' } as const
  const { maxModelLen } = engine.info.options
  await t.rejects(engine.complete({ prompt: Array<number>(maxModelLen + 1).fill(1), constraint }).result(), { code: 'ERR_PROMPT_TOO_LONG' })
  t.equal(engine.metrics().constraints.compiled, 0)
  await engine.complete({ prompt: [1], constraint, maxTokens: 2 }).result()
  t.equal(engine.metrics().constraints.compiled, 1)
})

t.test('constraints of requests that have left are not compiled, and those of others are', async t => {
  const engine = await loadTinyEngine()
  t.teardown(async () => { await engine.close() })
  const ask = (pattern: string) => engine.complete({ prompt: [1], constraint: { type: 'regex', pattern }, maxTokens: 2 })
  await ask('a').result()
  const { compiled, refused } = engine.metrics().constraints
  const running = ask('b')
  const [shared, ...left] = ['c', 'd', 'e', 'f'].map(ask)
  const staying = ['c', 'g'].map(ask)
  // They are in the thread's queue by then.
  await nextTurn()
  shared!.abort()
  for (const generation of left) generation.abort()
  for (const { finishReason } of (await Promise.all(left.map(async generation => await generation.result()))).map(({ choices }) => choices[0]!)) t.equal(finishReason, 'abort')
  await Promise.all([running, ...staying].map(async generation => await generation.result()))
  t.same(engine.metrics().constraints, { ...engine.metrics().constraints, compiled: compiled + 3, refused })
  await ask('d').result()
  t.equal(engine.metrics().constraints.compiled, compiled + 4, 'what was dropped can be asked for again')
})

t.test('conversations of requests that have left are not rendered', async t => {
  const rendered: string[] = []
  let free = (): void => {}
  const render = async ({ messages }: ChatInput, signal?: AbortSignal) => {
    await new Promise<void>((resolve, reject) => {
      free = resolve
      signal?.addEventListener('abort', () => { reject(signal.reason as Error) })
    })
    rendered.push((messages[0] as { content: string }).content)
    return { text: 'la', guard: undefined }
  }
  const engine = await loadTinyEngine({}, { chatTemplate: { render, source: () => '', close: async () => {} } })
  t.teardown(async () => { await engine.close() })
  const ask = (content: string) => engine.chat({ messages: [{ role: 'user', content }], maxTokens: 2 })
  const left = ask('gone')
  await nextTurn()
  left.abort()
  t.equal((await left.result()).choices[0]!.finishReason, 'abort')
  const stays = ask('here')
  await nextTurn()
  free()
  await stays.result()
  t.same(rendered, ['here'])
  t.ok(hasRoom(engine))
})
