import { setMaxListeners } from 'node:events'
import t from 'tap'
import type { GenerationChunk } from '../../src/engine/api.js'
import { RowStatus } from '../../src/native/binding.js'
import { answering, scriptedEngine, scriptedTokenizer } from '../support/scripted-model.js'

const words = ['<end>', 'Hello', ' world', '!', 'STO', 'P', ' more', 'x', '\n']
const [hello, world, bang, sto, p, more, x] = [1, 2, 3, 4, 5, 6, 7]

async function collect (chunks: AsyncIterable<GenerationChunk>): Promise<GenerationChunk[]> {
  const all: GenerationChunk[] = []
  for await (const chunk of chunks) all.push(chunk)
  return all
}

t.test('an answer ends at the end-of-answer token, which is counted but is no part of the text', async t => {
  const { engine } = scriptedEngine(words, { next: answering(hello, world, bang) })
  const generation = engine.chat({ messages: [{ role: 'user', content: 'xx' }] })
  const chunks = await collect(generation)
  t.equal(chunks.map(chunk => chunk.text).join(''), 'Hello world!')
  t.same(chunks.map(chunk => chunk.finishReason).filter(Boolean), ['stop'])
  t.equal(chunks.at(-1)!.finishReason, 'stop')
  const result = await generation.result()
  t.match(result.choices[0], { text: 'Hello world!', tokenIds: [hello, world, bang], finishReason: 'stop' })
  t.same(result.usage, { promptTokens: 2, completionTokens: 4, cachedTokens: 0 })
  t.same(result.promptTokenIds, [x, x])
  await engine.close()
})

t.test('a stop string that spans tokens never shows, not even in part', async t => {
  const { engine, model } = scriptedEngine(words, { next: answering(hello, sto, p, more, more) })
  const generation = engine.complete({ prompt: 'x', stop: ['STOP'] })
  const chunks = await collect(generation)
  t.same(chunks.map(chunk => chunk.text), ['Hello', ''])
  const result = await generation.result()
  t.match(result.choices[0], { text: 'Hello', tokenIds: [hello], finishReason: 'stop' })
  t.equal(result.usage.completionTokens, 3, 'the token computed behind the stop string does not count')
  t.equal(model.kv.stats().usedBlocks, 0)
  await engine.close()
})

t.test('text that only began like a stop string is released', async t => {
  const { engine } = scriptedEngine(words, { next: answering(hello, sto, more, sto) })
  const generation = engine.complete({ prompt: 'x', stop: 'STOP' })
  const chunks = await collect(generation)
  t.same(chunks.map(chunk => chunk.text), ['Hello', 'STO more', 'STO'])
  t.same(chunks.map(chunk => chunk.tokenIds), [[hello], [sto, more], [sto]])
  await engine.close()
})

t.test('a stop string that begins within a token cuts that token\'s text', async t => {
  const { engine } = scriptedEngine(words, { next: answering(hello, world, bang) })
  const result = await engine.complete({ prompt: 'x', stop: ['lo wor'] }).result()
  t.equal(result.choices[0]!.text, 'Hel')
  t.equal(result.choices[0]!.finishReason, 'stop')
  await engine.close()
})

t.test('a stop string in the last token that length allows counts as a stop', async t => {
  const { engine } = scriptedEngine(words, { next: answering(hello, bang, bang) })
  const result = await engine.complete({ prompt: 'x', stop: '!', maxTokens: 2 }).result()
  t.match(result.choices[0], { text: 'Hello', finishReason: 'stop' })
  await engine.close()
})

t.test('a chunk\'s log-probabilities are those of its tokens, also when tokens share a character', async t => {
  const [, a, b] = ['<end>', new Uint8Array([0xc3]), new Uint8Array([0xa9])]
  const { engine } = scriptedEngine(['<end>', a, b, 'z'], { next: answering(3, 1, 2, 3) })
  const generation = engine.complete({ prompt: 'z', logprobs: true, topLogprobs: 1 })
  const chunks = await collect(generation)
  t.equal(chunks.map(chunk => chunk.text).join('|'), 'z|é|z|')
  for (const chunk of chunks) t.same(chunk.logprobs!.map(entry => entry.tokenId), chunk.tokenIds)
  t.same(chunks[1]!.logprobs!.map(entry => entry.bytes), [[0xc3], [0xa9]])
  t.match(chunks[0]!.logprobs![0], { logprob: -3, top: [{ tokenId: 3, token: 'z', logprob: -3 }] })
  const result = await generation.result()
  t.equal(result.choices[0]!.logprobs!.length, 4)
  await engine.close()
})

t.test('a consumer that does not keep up finds the same text in fewer chunks', async t => {
  const { engine } = scriptedEngine(words, { next: answering(hello, world, bang, more) })
  const generation = engine.complete({ prompt: 'x', logprobs: true })
  await generation.result()
  const chunks = await collect(generation)
  t.match(chunks, [{ text: 'Hello world! more', tokenIds: [hello, world, bang, more], finishReason: 'stop' }])
  t.equal(chunks[0]!.logprobs!.length, 4)
  await engine.close()
})

t.test('an abort signal frees the blocks at once and ends the generation with what there is', async t => {
  const { engine, model } = scriptedEngine(words, { next: () => hello, stepMs: () => 5 })
  const controller = new AbortController()
  const generation = engine.complete({ prompt: 'x', signal: controller.signal })
  let received = 0
  for await (const chunk of generation) {
    if (chunk.finishReason !== undefined) t.equal(chunk.finishReason, 'abort')
    if (++received === 3) {
      t.ok(model.kv.stats().usedBlocks > 0)
      controller.abort()
      t.equal(model.kv.stats().usedBlocks, 0)
    }
  }
  const result = await generation.result()
  t.equal(result.choices[0]!.finishReason, 'abort')
  t.equal(result.choices[0]!.text, 'Hello'.repeat(result.usage.completionTokens))
  t.equal(engine.stats().requests, 0)
  await engine.close()
})

t.test('a signal that is aborted already ends the request before it begins', async t => {
  const { engine, model } = scriptedEngine(words, { next: answering(hello) })
  const result = await engine.complete({ prompt: 'x', signal: AbortSignal.abort() }).result()
  t.equal(result.choices[0]!.finishReason, 'abort')
  t.equal(model.steps, 0)
  await engine.close()
})

t.test('leaving the iteration aborts the request', async t => {
  const { engine, model } = scriptedEngine(words, { next: () => hello })
  const generation = engine.complete({ prompt: 'x' })
  for await (const chunk of generation) {
    t.equal(chunk.text, 'Hello')
    break
  }
  t.equal((await generation.result()).choices[0]!.finishReason, 'abort')
  t.equal(model.kv.stats().usedBlocks, 0)
  await engine.close()
})

t.test('two steps are queued while there is work, and none when there is not', async t => {
  const { engine, model } = scriptedEngine(words, { next: answering(hello, hello, hello, hello, hello) })
  await engine.complete({ prompt: 'x' }).result()
  t.equal(model.mostQueued, 2)
  await new Promise(resolve => setTimeout(resolve, 20))
  t.equal(model.queued, 0)
  const { steps } = model
  await new Promise(resolve => setTimeout(resolve, 20))
  t.equal(model.steps, steps, 'an idle engine does nothing')
  await engine.close()
})

t.test('requests that arrive together share a step', async t => {
  const { engine, model } = scriptedEngine(words, { next: answering(hello) })
  const generations = ['x', 'xx', 'xxx'].map(prompt => engine.complete({ prompt }))
  await Promise.all(generations.map(async generation => await generation.result()))
  t.equal(model.rowCounts[0], 3)
  await engine.close()
})

t.test('choices interleave by index, and each ends once', async t => {
  const { engine } = scriptedEngine(words, { next: (_prompt, generated) => generated.length < 3 ? hello : 0 })
  const generation = engine.complete({ prompt: 'xxxxx', n: 3 })
  const chunks = await collect(generation)
  for (const index of [0, 1, 2]) {
    const own = chunks.filter(chunk => chunk.index === index)
    t.equal(own.map(chunk => chunk.text).join(''), 'HelloHelloHello')
    t.equal(own.filter(chunk => chunk.finishReason !== undefined).length, 1)
  }
  const { usage, choices } = await generation.result()
  t.same(choices.map(choice => choice.index), [0, 1, 2])
  t.match(usage, { promptTokens: 5, completionTokens: 12 })
  await engine.close()
})

t.test('a step that fails ends its requests with an error, and the engine goes on', async t => {
  const { engine, model } = scriptedEngine(words, {
    next: answering(hello, hello),
    stepMs: step => {
      if (step === 2) throw Object.assign(new Error('out of order'), { code: 'ERR_NATIVE_STEP' })
      return 0
    }
  })
  const failing = engine.complete({ prompt: 'x' })
  await t.rejects(failing.result(), { code: 'ERR_STEP_FAILED', message: /out of order/ })
  await t.rejects(collect(failing), { code: 'ERR_STEP_FAILED' }, 'iteration fails as well')
  t.equal((await engine.complete({ prompt: 'x' }).result()).choices[0]!.text, 'HelloHello')
  t.equal(model.kv.stats().usedBlocks, 0)
  await engine.close()
})

t.test('a step that the model refuses fails its requests when those before it are done, and the engine goes on', async t => {
  let refusals = 0
  const { engine, model } = scriptedEngine(words, {
    next: answering(hello, hello, hello, hello),
    take: step => {
      if (step === 3 && refusals++ === 0) throw Object.assign(new Error('no such row'), { code: 'ERR_INVALID_STEP' })
    }
  })
  const refused = engine.complete({ prompt: 'x' })
  const texts: string[] = []
  await t.rejects(async () => {
    for await (const { text } of refused) texts.push(text)
  }, { code: 'ERR_STEP_FAILED', message: /no such row/ })
  t.same(texts, ['Hello', 'Hello'], 'what the two steps before it gave')
  t.equal((await engine.complete({ prompt: 'x' }).result()).choices[0]!.text, 'HelloHelloHelloHello')
  t.equal(model.kv.stats().usedBlocks, 0)
  await engine.close()
})

t.test('a lost device fails all requests, also those that wait, and closes the engine', async t => {
  const { engine } = scriptedEngine(words, {
    next: answering(hello, hello),
    stepMs: step => {
      if (step === 2) throw Object.assign(new Error('cuda:0: an illegal address'), { code: 'ERR_DEVICE_LOST' })
      return 0
    }
  })
  const generations = [engine.complete({ prompt: 'x' }), engine.complete({ prompt: 'xx' })]
  await Promise.all(generations.map(async generation => {
    await t.rejects(generation.result(), { code: 'ERR_DEVICE_LOST', statusCode: 503, message: /illegal address.*Restart/ })
  }))
  await t.rejects(engine.complete({ prompt: 'x' }).result(), { code: 'ERR_ENGINE_CLOSED' })
  await engine.close()
})

t.test('an engine whose model refuses every step fails every request and can be closed', async t => {
  const { engine } = scriptedEngine(words, { next: answering(hello), take: () => { throw new Error('never') } })
  for (const prompt of ['x', 'xx']) await t.rejects(engine.complete({ prompt }).result(), { code: 'ERR_STEP_FAILED', message: /never/ })
  await engine.close()
})

t.test('the next step is queued before a step\'s tokens become text', async t => {
  const tokenizer = scriptedTokenizer(words)
  const queuedAtPush: number[] = []
  const { engine, model } = scriptedEngine(words, { next: answering(hello, hello, hello, hello) }, {
    tokenizer: {
      ...tokenizer,
      streamDecoder: () => {
        const decoder = tokenizer.streamDecoder()
        return { push: id => { queuedAtPush.push(model.steps); return decoder.push(id) }, end: () => decoder.end() }
      }
    }
  })
  await engine.complete({ prompt: 'x', maxTokens: 4 }).result()
  t.same(queuedAtPush, [3, 4, 4, 4], 'two at the beginning, and one more for each that is done')
  await engine.close()
})

t.test('bad logits fail their own request and no other', async t => {
  const { engine } = scriptedEngine(words, {
    next: answering(hello, hello),
    statusOf: (prompt, generated) => prompt.length === 2 && generated.length === 1 ? RowStatus.badLogits : undefined
  })
  const [good, bad] = [engine.complete({ prompt: 'x' }), engine.complete({ prompt: 'xx' })]
  await t.rejects(bad.result(), { code: 'ERR_BAD_LOGITS', message: /NaN/ })
  t.equal((await good.result()).choices[0]!.text, 'HelloHello')
  await engine.close()
})

t.test('what is wrong with a request comes through accepted, result and iteration, and names the parameter', async t => {
  const { engine, model } = scriptedEngine(words, { next: answering(hello) })
  const cases = [
    [{ prompt: 'x', temprature: 1 }, 'ERR_INVALID_PARAMETER', /temprature.*temperature/],
    [{ prompt: 'x', temperature: -1 }, 'ERR_INVALID_PARAMETER', /temperature is -1/],
    [{ prompt: '' }, 'ERR_INVALID_PARAMETER', /prompt is empty/],
    [{ prompt: [99] }, 'ERR_INVALID_PARAMETER', /prompt\[0\] is 99.*0 to 8/],
    [{ prompt: 'x'.repeat(128) }, 'ERR_PROMPT_TOO_LONG', /128 tokens.*at most 127/],
    [{ prompt: 'x'.repeat(128 * 64 + 1) }, 'ERR_PROMPT_TOO_LONG', /8193 characters.*128 tokens.*at most 8192/],
    [{ prompt: 'x', priority: NaN }, 'ERR_INVALID_PARAMETER', /priority is NaN/],
    [{ prompt: 'x', signal: 3 as never }, 'ERR_INVALID_PARAMETER', /signal must be an AbortSignal/],
    [{ prompt: 'x', requestId: 5 as never }, 'ERR_INVALID_PARAMETER', /requestId must be a text/],
    [{ prompt: 'x', topLogprobs: 1 }, 'ERR_INVALID_PARAMETER', /needs logprobs/]
  ] as const
  for (const [options, code, message] of cases) {
    const generation = engine.complete(options)
    await t.rejects(generation.accepted, { code, message })
    await t.rejects(generation.result(), { code, message })
    await t.rejects(collect(generation), { code, message })
  }
  await t.rejects(engine.chat({ messages: [{ role: 'user', content: 'x'.repeat(9000) }] }).result(),
    { code: 'ERR_PROMPT_TOO_LONG', message: /characters/ })
  await t.rejects(engine.chat({ messages: [] }).result(), { code: 'ERR_INVALID_PARAMETER', message: /^messages must be a list/ })
  await t.rejects(engine.chat({ messages: [{ role: 'robot' as never, content: '' }] }).result(), { code: 'ERR_INVALID_PARAMETER', message: /messages\[0\]\.role/ })
  t.equal(model.steps, 0)
  t.equal(engine.stats().requests, 0)
  await engine.close()
})

t.test('a model without a chat template completes text and refuses messages', async t => {
  const { engine } = scriptedEngine(words, { next: answering(hello) }, { chatTemplate: undefined })
  await t.rejects(engine.chat({ messages: [{ role: 'user', content: 'x' }] }).result(), { code: 'ERR_NO_CHAT_TEMPLATE' })
  t.equal((await engine.complete({ prompt: 'x' }).result()).choices[0]!.text, 'Hello')
  await engine.close()
})

t.test('a timeline\'s parts sum to the request\'s time', async t => {
  const { engine } = scriptedEngine(words, { next: answering(hello, hello, hello), stepMs: () => 3 })
  const { timeline } = await engine.complete({ prompt: 'x' }).result()
  const sum = timeline.queueMs + timeline.prefillMs + timeline.decodeMs + timeline.preemptedMs
  t.ok(Math.abs(sum - timeline.e2eMs) < 1e-6)
  t.ok(timeline.ttftMs! > 0 && timeline.ttftMs! <= timeline.e2eMs)
  t.ok(timeline.prefillMs > 0)
  t.ok(timeline.decodeMs > 5, 'three steps of 3 ms after the first')
  await engine.close()
})

t.test('closing aborts what runs, refuses what comes and frees the model once', async t => {
  const { engine, model } = scriptedEngine(words, { next: () => hello, stepMs: () => 2 })
  const running = engine.complete({ prompt: 'x' })
  await running.accepted
  await Promise.all([engine.close(), engine.close()])
  t.equal((await running.result()).choices[0]!.finishReason, 'abort')
  t.equal(model.disposals, 1)
  await t.rejects(engine.complete({ prompt: 'x' }).result(), { code: 'ERR_ENGINE_CLOSED' })
  await engine.close()
})

t.test('closing with drain lets running requests finish', async t => {
  const { engine } = scriptedEngine(words, { next: answering(hello, world), stepMs: () => 2 })
  const running = engine.complete({ prompt: 'x' })
  await running.accepted
  await engine.close({ drain: true })
  t.equal((await running.result()).choices[0]!.text, 'Hello world')
})

t.test('a thousand aborted requests leave no blocks, no queue entries and no listeners', async t => {
  const { engine, model } = scriptedEngine(words, { next: () => hello, blocks: 16 })
  const controller = new AbortController()
  setMaxListeners(0, controller.signal)
  const generations = Array.from({ length: 1000 }, () => engine.complete({ prompt: 'xxxx', signal: controller.signal }))
  await generations[0]!.accepted
  await new Promise(resolve => setTimeout(resolve, 10))
  controller.abort()
  await Promise.all(generations.map(async generation => await generation.result()))
  t.equal(model.kv.stats().usedBlocks, 0)
  t.match(engine.stats(), { requests: 0, waitingSequences: 0, runningSequences: 0 })
  t.equal((await engine.complete({ prompt: 'x', maxTokens: 1 }).result()).choices[0]!.text, 'Hello', 'and the engine goes on')
  await engine.close()
})
