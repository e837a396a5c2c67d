import { readFileSync } from 'node:fs'
import t from 'tap'
import { Engine } from '../../src/engine/engine.js'
import { fixture } from '../support/fixtures.js'
import { readReference } from '../support/reference.js'

// Against what transformers has after its last norm (test/fixtures/generate/make_hidden.py).

const hidden = JSON.parse(readFileSync(fixture('embeddings/hidden.json'), 'utf8')) as Record<string, Record<string, number[]>>
const idsOf = (folder: string, name: string): number[] =>
  readReference(`models/${folder}/expected`).cases.find(one => one.name === name)!.promptIds

function normalized (values: ArrayLike<number>): number[] {
  const length = Math.hypot(...Array.from(values))
  return Array.from(values, value => value / length)
}

function farthest (one: ArrayLike<number>, other: ArrayLike<number>): number {
  return Math.max(...Array.from(one, (value, i) => Math.abs(value - other[i]!)))
}

for (const [folder, cases] of Object.entries(hidden)) {
  t.test(`embeddings of ${folder} are transformers' hidden states, of prompts in one chunk and in many`, async t => {
    // 32 tokens a step: the long ones take several. Float32 arithmetic; KV too, so that nothing is rounded on the way,
    // but where BF16 kernels round activations for BF16 weights: to 1 in 256, of numbers up to about 0.4.
    const engine = await Engine.load(fixture(`models/${folder}`), { maxBatchTokens: 32, kvDtype: 'f32' })
    t.teardown(async () => { await engine.close() })
    const names = Object.keys(cases)
    const { embeddings, usage } = await engine.embed({ input: names.map(name => idsOf(folder, name)) })
    for (const [i, name] of names.entries()) {
      const error = farthest(embeddings[i]!, normalized(cases[name]!))
      t.ok(error < (folder.endsWith('bf16') ? 4e-3 : 2e-5), `${name}: ${error}`)
    }
    t.equal(usage.promptTokens, names.reduce((sum, name) => sum + idsOf(folder, name).length, 0))
    t.match(engine.stats(), { requests: 0, generatedTokens: 0, kv: { usedBlocks: 0 } })
  })
}

const engine = await Engine.load(fixture('models/qwen3'), { maxNumSeqs: 4 })
t.teardown(async () => { await engine.close() })

t.test('an embedding is the same alone, in a batch, from the prefix cache and beside answers', async t => {
  const input = ['the old mill', 'a river', 'the old mill', 'stone', 'a longer text that is about the mill and the river and the stone', 'wheel']
  const answer = engine.complete({ prompt: 'The mill', maxTokens: 40, temperature: 0, ignoreEos: true })
  const { embeddings } = await engine.embed({ input })
  for (const [i, text] of input.entries()) {
    const alone = (await engine.embed({ input: text })).embeddings[0]!
    t.ok(farthest(alone, embeddings[i]!) < 1e-3, text)
    t.ok(Math.abs(Math.hypot(...alone) - 1) < 1e-6)
  }
  t.ok(farthest(embeddings[0]!, embeddings[1]!) > 0.05, 'texts differ')
  const long = Array.from({ length: 100 }, (_, i) => 20 + i % 50)
  const first = await engine.embed({ input: long })
  const second = await engine.embed({ input: long })
  t.ok(second.usage.cachedTokens > 0)
  t.ok(farthest(first.embeddings[0]!, second.embeddings[0]!) < 1e-3)
  t.equal((await answer.result()).choices[0]!.tokenIds.length, 40)
})

t.test('fewer dimensions are the first ones, of length 1 again', async t => {
  const whole = (await engine.embed({ input: 'the mill' })).embeddings[0]!
  const few = (await engine.embed({ input: 'the mill', dimensions: 8 })).embeddings[0]!
  t.equal(whole.length, 64)
  t.equal(few.length, 8)
  t.ok(farthest(few, normalized(whole.subarray(0, 8))) < 1e-6)
})

t.test('token ids are taken as they are, and a text is its tokens', async t => {
  const ids = [...await engine.tokenize('the mill')]
  const [byIds] = (await engine.embed({ input: ids })).embeddings
  const [byText] = (await engine.embed({ input: 'the mill' })).embeddings
  t.ok(farthest(byIds!, byText!) < 1e-3)
  t.equal((await engine.embed({ input: [ids, [5]] })).embeddings.length, 2)
})

t.test('what is wrong is named, and fails the whole call without a trace', async t => {
  const cases: Array<[object, { param?: string, code?: string }]> = [
    [{ input: [] }, { param: 'input' }],
    [{ input: '' }, { param: 'input' }],
    [{ input: ['a', ''] }, { param: 'input[1]' }],
    [{ input: [[1], []] }, { param: 'input[1]' }],
    [{ input: [1, 320] }, { param: 'input[1]' }],
    [{ input: [[1], [999]] }, { param: 'input[1][0]' }],
    [{ input: 'a', dimensions: 65 }, { param: 'dimensions' }],
    [{ input: 'a', dimensions: 0 }, { param: 'dimensions' }],
    [{ input: 'a', dimensions: 1.5 }, { param: 'dimensions' }],
    [{ input: 'a', temperature: 1 }, { param: 'temperature' }],
    [{ input: ['a', 'mill '.repeat(500)] }, { code: 'ERR_PROMPT_TOO_LONG' }]
  ]
  for (const [options, error] of cases) await t.rejects(engine.embed(options as any), { code: 'ERR_INVALID_PARAMETER', ...error }, JSON.stringify(options).slice(0, 60))
  t.match(engine.stats(), { requests: 0, kv: { usedBlocks: 0 } })
})

t.test('a signal ends a call with its reason, and its blocks are free', async t => {
  const controller = new AbortController()
  const call = engine.embed({ input: Array.from({ length: 50 }, (_, i) => `text ${i} `.repeat(10)), signal: controller.signal })
  controller.abort(new Error('enough'))
  await t.rejects(call, { message: 'enough' })
  t.match(engine.stats(), { requests: 0, waitingSequences: 0, kv: { usedBlocks: 0 } })
})

t.test('a list that is longer than the queue may be is no overload', async t => {
  const small = await Engine.load(fixture('models/qwen3'), { maxNumSeqs: 2, maxQueuedRequests: 3 })
  t.teardown(async () => { await small.close() })
  const { embeddings } = await small.embed({ input: Array.from({ length: 30 }, (_, i) => `text ${i}`) })
  t.equal(embeddings.filter(embedding => embedding.length === 64).length, 30)
})
