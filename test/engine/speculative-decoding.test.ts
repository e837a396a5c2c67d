import t from 'tap'
import type { Engine } from '../../src/engine/engine.js'
import type { CompleteOptions, GenerationResult } from '../../src/engine/api.js'
import { Random, testSeed } from '../support/random.js'
import { DraftingIsCheap, loadTinyEngine, vocabSize } from '../support/tiny-engine.js'

const load = async (speculativeDecoding: 'none' | 'prompt-lookup'): Promise<Engine> =>
  await loadTinyEngine({ speculativeDecoding, prefixCaching: false }, { profiling: new DraftingIsCheap() })

/** What a client sees of an answer, times apart. */
async function seen (engine: Engine, options: CompleteOptions): Promise<unknown> {
  const generation = engine.complete(options)
  let streamed = ''
  for await (const chunk of generation) streamed += chunk.text
  const { choices, usage }: GenerationResult = await generation.result()
  return { choices, usage, streamed: options.n === undefined ? streamed : '' }
}

t.test('with drafts an answer is the same to the last detail: tokens, text, log-probabilities, end and usage', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const [plain, drafting] = [await load('none'), await load('prompt-lookup')]
  for (let i = 0; i < 40; i++) {
    const piece = Array.from({ length: random.integer(4, 12) }, () => random.integer(0, vocabSize - 1))
    const maxTokens = random.integer(1, 80)
    const options: CompleteOptions = {
      prompt: [...piece, ...piece, ...piece],
      maxTokens,
      temperature: random.pick([0, 0, 0.6]),
      seed: BigInt(random.integer(0, 1e9)),
      ...random.chance(0.3) ? { logprobs: true, topLogprobs: 2 } : {},
      minTokens: random.pick([0, Math.min(maxTokens, 20)]),
      ignoreEos: random.chance(0.5),
      ...random.chance(0.3) ? { n: 2 } : {}
    }
    const wanted = await seen(plain, options)
    // Ends in the middle of what the model writes, so within drafts too.
    const { text } = (wanted as { choices: Array<{ text: string }> }).choices[0]!
    const at = random.integer(0, Math.max(0, text.length - 2))
    const stop = text.slice(at, at + 2)
    for (const given of [options, ...stop.length === 2 ? [{ ...options, stop: [stop] }] : []]) {
      const found = await seen(drafting, given)
      const expected = given === options ? wanted : await seen(plain, given)
      if (JSON.stringify(found) !== JSON.stringify(expected)) t.same(found, expected, `case ${i}`)
    }
  }
  const { acceptedTokens, draftTokens } = drafting.metrics().scheduler.speculation
  t.comment(`${acceptedTokens} of ${draftTokens} drafted tokens were right`)
  t.ok(acceptedTokens > 200 && draftTokens - acceptedTokens > 50, 'drafts were right, and wrong')
  t.equal(plain.metrics().scheduler.speculation.draftTokens, 0)
  t.ok(drafting.stats().steps.steps < plain.stats().steps.steps, 'it took fewer steps')
  t.equal(drafting.stats().kv.usedBlocks, 0)
  await plain.close()
  await drafting.close()
})

t.test('answers with penalties or constraints have no drafts', async t => {
  const engine = await load('prompt-lookup')
  const prompt = [1, 2, 3, 1, 2, 3, 1, 2, 3]
  await engine.complete({ prompt, maxTokens: 40, temperature: 0, ignoreEos: true, frequencyPenalty: -2 }).result()
  await engine.complete({ prompt, maxTokens: 40, temperature: 0, constraint: { type: 'regex', pattern: '(abc){3}' } }).result()
  t.equal(engine.metrics().scheduler.speculation.draftTokens, 0)
  await engine.close()
})

t.test('with pacing it is refused', async t => {
  await t.rejects(loadTinyEngine({ speculativeDecoding: 'prompt-lookup', pacing: 'qoe' }),
    { code: 'ERR_INVALID_OPTION', message: /speculativeDecoding guesses tokens ahead, and pacing qoe.*--speculative-decoding or --pacing/ })
})
