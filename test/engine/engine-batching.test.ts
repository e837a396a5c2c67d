import t from 'tap'
import type { CompleteOptions, Generation } from '../../src/engine/api.js'
import { Engine } from '../../src/engine/engine.js'
import { deriveSeed } from '../../src/core/seed.js'
import { fixture } from '../support/fixtures.js'
import { Random, testSeed } from '../support/random.js'
import { DraftingIsCheap, loadTinyEngine, vocabSize } from '../support/tiny-engine.js'

// Real arithmetic on a tiny model: whatever is batched, chunked, preempted, forked or cached, the
// tokens are those of the request alone.

const tokensOf = async (generation: Generation): Promise<Array<readonly number[]>> =>
  (await generation.result()).choices.map(choice => choice.tokenIds)

function randomPrompt (random: Random, length: number): number[] {
  return Array.from({ length }, () => random.integer(0, vocabSize - 20))
}

/** Answers of requests run one at a time, by an engine that has nothing else to do and no cache. */
class Alone {
  readonly #engine: Engine

  constructor (engine: Engine) {
    this.#engine = engine
  }

  async tokens (options: CompleteOptions): Promise<Array<readonly number[]>> {
    const { n = 1, seed = 0n, ...rest } = options
    const answers: Array<readonly number[]> = []
    for (let index = 0; index < n; index++) {
      answers.push(...await tokensOf(this.#engine.complete({ ...rest, n: 1, seed: deriveSeed(BigInt(seed), index) })))
    }
    return answers
  }
}

t.test('random loads on small pools: every answer is that of the request alone, token for token', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const alone = new Alone(await loadTinyEngine({ prefixCaching: false, maxModelLen: 96 }))
  const cases = 40
  let preempted = 0
  let swapped = 0
  let accepted = 0
  let rejected = 0
  for (let i = 0; i < cases; i++) {
    const maxNumSeqs = random.integer(2, 8)
    const isPaced = random.chance(0.4)
    const engine = await loadTinyEngine({
      kvBlocks: random.integer(6, 11),
      kvHostBlocks: random.chance(0.3) ? 0 : random.integer(2, 12),
      maxModelLen: 96,
      maxNumSeqs,
      maxBatchTokens: random.integer(maxNumSeqs, 48),
      reserveRatio: random.pick([0, 0.5, 1]),
      ...isPaced ? { pacing: 'qoe', maxResidentSeqs: maxNumSeqs + random.integer(0, 8), readingTokensPerSec: random.pick([5, 500]) } as const : {},
      speculativeDecoding: !isPaced && random.chance(0.7) ? 'prompt-lookup' : 'none',
      numSpeculativeTokens: random.integer(1, 12),
      prefixCaching: random.chance(0.8)
    }, { profiling: new DraftingIsCheap() })
    const shared = randomPrompt(random, 48)
    const requests = Array.from({ length: random.integer(3, 8) }, (): CompleteOptions => ({
      prompt: [...shared.slice(0, random.chance(0.5) ? random.integer(0, 48) : 0), ...randomPrompt(random, random.integer(1, 16))],
      maxTokens: random.integer(1, 60),
      temperature: random.chance(0.5) ? 0 : 1,
      repetitionPenalty: random.chance(0.3) ? 1.2 : 1,
      seed: BigInt(random.integer(0, 1e9)),
      n: random.chance(0.2) ? random.integer(2, 3) : 1,
      ignoreEos: random.chance(0.8)
    }))
    const generations: Array<Generation | undefined> = []
    for (const options of requests) {
      const generation = engine.complete(options)
      const isAborted = random.chance(0.15)
      generations.push(isAborted ? undefined : generation)
      if (random.chance(0.3)) await new Promise(resolve => setTimeout(resolve, random.integer(0, 3)))
      if (isAborted) generation.abort()
    }
    for (const [j, generation] of generations.entries()) {
      if (generation === undefined) continue
      const wanted = await alone.tokens(requests[j]!)
      const found = await tokensOf(generation)
      if (JSON.stringify(found) !== JSON.stringify(wanted)) t.same(found, wanted, `case ${i}, request ${j}`)
    }
    const { kv, preemptions } = engine.stats()
    if (kv.usedBlocks !== 0 || kv.freeBlocks + kv.cachedBlocks !== kv.totalBlocks) t.fail(`case ${i}: blocks are left over`)
    if (kv.hostFreeBlocks !== kv.hostBlocks) t.fail(`case ${i}: host blocks are left over`)
    if (preemptions > 0) preempted++
    if (kv.swappedInTokens > 0) swapped++
    const { acceptedTokens, draftTokens } = engine.metrics().scheduler.speculation
    if (acceptedTokens > 0) accepted++
    if (acceptedTokens < draftTokens) rejected++
    await engine.close()
  }
  t.comment(`${preempted} of ${cases} cases preempted, ${swapped} swapped, drafts were right in ${accepted} and wrong in ${rejected}`)
  t.ok(accepted >= 0.1 * cases, 'in at least a tenth of the cases drafted tokens were right')
  t.ok(rejected >= 0.1 * cases, 'in at least a tenth they were wrong')
  t.ok(preempted >= 0.2 * cases, 'at least a fifth of the cases preempted')
  t.ok(swapped >= 0.1 * cases, 'at least a tenth swapped')
})

t.test('a deterministic engine gives the same tokens alone and in any batch, with the fastest kernels and weights of 16 bits', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const model = fixture('models/qwen3-bf16')
  const engine = async (): Promise<Engine> => await Engine.load(model, { deterministic: true, threads: 1, maxNumSeqs: 24, prefixCaching: false, kvCacheMemory: 2 ** 22 })
  const requests = Array.from({ length: 24 }, (): CompleteOptions => ({
    prompt: randomPrompt(random, random.integer(1, 60)), maxTokens: 24, temperature: 0, ignoreEos: true
  }))
  const [batched, single] = [await engine(), await engine()]
  const together = await Promise.all(requests.map(async request => await tokensOf(batched.complete(request))))
  for (const [i, request] of requests.entries()) t.same(together[i], await tokensOf(single.complete(request)), `request ${i}`)
  await batched.close()
  await single.close()
})

t.test('three choices of one request are those of three requests with their seeds', async t => {
  const engine = await loadTinyEngine({ prefixCaching: false })
  const prompt = randomPrompt(new Random(3), 37)
  const common = { prompt, maxTokens: 20, temperature: 1, ignoreEos: true }
  const forked = await tokensOf(engine.complete({ ...common, n: 3, seed: 7n }))
  t.ok(engine.stats().kv.copies > 0, 'the last block of the prompt was shared and copied')
  const separate = []
  for (const index of [0, 1, 2]) separate.push(...await tokensOf(engine.complete({ ...common, seed: deriveSeed(7n, index) })))
  t.same(forked, separate)
  t.notSame(forked[0], forked[1], 'the seeds differ')
  await engine.close()
})

t.test('a sequence that skips steps and returns goes on as if it had not', async t => {
  let plans = 0
  const budget = () => ++plans % 3 === 0 ? 64 : 1
  const engine = await loadTinyEngine({}, { budget })
  const alone = new Alone(await loadTinyEngine({ prefixCaching: false }))
  const random = new Random(4)
  const requests = [1, 2, 3].map(i => ({ prompt: randomPrompt(random, 5 * i), maxTokens: 24, seed: BigInt(i), temperature: 1 }))
  const found = await Promise.all(requests.map(async options => await tokensOf(engine.complete(options))))
  for (const [i, options] of requests.entries()) t.same(found[i], await alone.tokens(options))
  const { steps, generatedTokens } = { ...engine.stats(), steps: engine.stats().steps.steps }
  t.ok(steps > generatedTokens / 2, 'most steps had fewer rows than sequences')
  await engine.close()
})

t.test('a paced engine answers more requests at once than a step has rows, with the tokens of each alone', async t => {
  const engine = await loadTinyEngine({ maxNumSeqs: 2, pacing: 'qoe', maxResidentSeqs: 6 })
  const alone = new Alone(await loadTinyEngine({ prefixCaching: false }))
  const random = new Random(5)
  const requests = [1, 2, 3, 4, 5, 6].map(i => ({ prompt: randomPrompt(random, 5), maxTokens: 40, ignoreEos: true, seed: BigInt(i), temperature: 1, readingTokensPerSec: i }))
  let most = 0
  const generations = requests.map(options => engine.complete(options))
  for await (const _ of generations[5]!) most = Math.max(most, engine.stats().runningSequences)
  t.equal(most, 6)
  for (const [i, options] of requests.entries()) t.same(await tokensOf(generations[i]!), await alone.tokens(options))
  const { steps, preemptions } = engine.stats()
  t.ok(steps.rows / steps.steps <= 2, `${steps.rows} rows in ${steps.steps} steps`)
  t.equal(preemptions, 0)
  await engine.close()
})

t.test('a pace that is none is refused by name', async t => {
  const engine = await loadTinyEngine()
  for (const readingTokensPerSec of [0, -1, NaN, Infinity]) {
    await t.rejects(engine.complete({ prompt: [1], readingTokensPerSec }).result(), { code: 'ERR_INVALID_PARAMETER', message: /readingTokensPerSec is .*above 0/ })
  }
  await engine.close()
})

t.test('two tenants with one prompt give one answer and share no block', async t => {
  const engine = await loadTinyEngine()
  const prompt = randomPrompt(new Random(5), 50)
  const options = { prompt, maxTokens: 8, temperature: 0 }
  const first = await engine.complete({ ...options, cacheSalt: 'a' }).result()
  const other = await engine.complete({ ...options, cacheSalt: 'b' }).result()
  const again = await engine.complete({ ...options, cacheSalt: 'a' }).result()
  t.same([first, other, again].map(result => result.usage.cachedTokens), [0, 0, 48])
  t.same(other.choices, first.choices)
  t.same(again.choices, first.choices)
  await engine.close()
})

t.test('an abort in mid-prefill leaves only right blocks in the cache', async t => {
  const engine = await loadTinyEngine({ maxBatchTokens: 16, maxNumSeqs: 8 })
  const prompt = randomPrompt(new Random(6), 200)
  const options = { prompt, maxTokens: 8, temperature: 0 }
  const generation = engine.complete(options)
  await generation.accepted
  while (engine.stats().steps.steps < 3) await new Promise(resolve => setImmediate(resolve))
  generation.abort()
  t.equal(engine.stats().kv.usedBlocks, 0, 'free at once')
  t.equal((await generation.result()).usage.completionTokens, 0, 'it was in its prompt')
  const warm = await engine.complete(options).result()
  t.ok(warm.usage.cachedTokens >= 48 && warm.usage.cachedTokens < 192, `${warm.usage.cachedTokens} tokens were kept`)
  engine.clearPrefixCache()
  const cold = await engine.complete(options).result()
  t.equal(cold.usage.cachedTokens, 0)
  t.same(warm.choices, cold.choices)
  await engine.close()
})

t.test('blocks whose parents were evicted are not used, and do no harm when the parents come back', async t => {
  const engine = await loadTinyEngine({ kvBlocks: 10, maxModelLen: 160 })
  const random = new Random(7)
  const prefix = randomPrompt(random, 32)
  const short = { prompt: [...prefix, 1], maxTokens: 1, temperature: 0 }
  const long = { prompt: [...prefix, ...randomPrompt(random, 40)], maxTokens: 6, temperature: 0 }
  // Computed at the same time: the short one's copy of the prefix is indexed, the long one's is not.
  const [, before] = await Promise.all([engine.complete(short).result(), engine.complete(long).result()])
  t.equal(engine.stats().kv.cachedBlocks, 4)
  // Takes the six free blocks and the two that have waited longest: the prefix.
  await engine.complete({ prompt: randomPrompt(random, 128), maxTokens: 1 }).result()
  t.equal(engine.stats().kv.evictions, 2)
  const after = await engine.complete(long).result()
  t.equal(after.usage.cachedTokens, 0, 'the later blocks are there, but unreachable')
  t.same(after.choices, before.choices)
  const again = await engine.complete(long).result()
  t.equal(again.usage.cachedTokens, 64)
  t.same(again.choices, before.choices)
  await engine.close()
})

t.test('an aborted request gives its blocks back within one step', async t => {
  const engine = await loadTinyEngine()
  const controller = new AbortController()
  const generation = engine.complete({ prompt: randomPrompt(new Random(8), 40), ignoreEos: true, signal: controller.signal })
  for await (const chunk of generation) {
    if (chunk.finishReason !== undefined) continue
    const { steps } = engine.stats()
    controller.abort()
    t.equal(engine.stats().kv.usedBlocks, 0)
    t.equal(engine.stats().steps.steps, steps.steps)
  }
  await engine.close()
})

t.test('prompt log-probabilities are the same in one step, in chunks, and beside a cached prefix', async t => {
  const prompt = randomPrompt(new Random(9), 60)
  const options = { prompt, maxTokens: 0, promptLogprobs: true, topLogprobs: 2 }
  const whole = await loadTinyEngine({ maxBatchTokens: 64 })
  const chunked = await loadTinyEngine({ maxBatchTokens: 8 })
  const reference = (await whole.complete(options).result()).promptLogprobs!
  t.equal(reference.length, 60)
  t.equal(reference[0], null)
  for (const [i, entry] of reference.entries()) {
    if (i > 0) t.match(entry, { tokenId: prompt[i], logprob: Number, top: { length: 2 } })
  }
  t.same((await chunked.complete(options).result()).promptLogprobs, reference)
  const again = await whole.complete(options).result()
  t.equal(again.usage.cachedTokens, 0, 'nothing may be skipped')
  t.same(again.promptLogprobs, reference)
  await whole.close()
  await chunked.close()
})

t.test('log-probabilities of an answer are those of scoring it as a prompt', async t => {
  const engine = await loadTinyEngine()
  const prompt = randomPrompt(new Random(10), 20)
  const { choices: [choice] } = await engine.complete({ prompt, maxTokens: 10, temperature: 0, logprobs: true, ignoreEos: true }).result()
  const scored = await engine.complete({ prompt: [...prompt, ...choice!.tokenIds], maxTokens: 0, promptLogprobs: true }).result()
  for (const [i, entry] of choice!.logprobs!.entries()) {
    t.equal(entry.tokenId, choice!.tokenIds[i])
    t.ok(Math.abs(entry.logprob - scored.promptLogprobs![20 + i]!.logprob) < 1e-5)
  }
  await engine.close()
})

t.test('two engines in one process answer side by side', async t => {
  const [one, two] = [await loadTinyEngine(), await loadTinyEngine()]
  const options = { prompt: randomPrompt(new Random(11), 30), maxTokens: 12, temperature: 0 }
  const [a, b] = await Promise.all([one.complete(options).result(), two.complete(options).result()])
  t.same(a.choices, b.choices)
  await one.close()
  t.same((await two.complete(options).result()).choices, a.choices, 'closing one leaves the other')
  await two.close()
})
