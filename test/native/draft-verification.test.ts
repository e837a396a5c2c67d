import t from 'tap'
import { RowOutput, RowStatus, type LoadOptions, type NativeModel, type Slot, type SlotParams } from '../../src/native/binding.js'
import { fixture } from '../support/fixtures.js'
import { loadNative, runStep, slotParams } from '../support/native-model.js'
import { Random, testSeed } from '../support/random.js'

const verify = RowOutput.sample | RowOutput.verify
const empty = new Int32Array(0)

const load = async (changes: Partial<LoadOptions> = {}): Promise<NativeModel> =>
  (await loadNative(fixture('models/qwen3'), { maxLogprobs: 2, maxRows: 8, ...changes })).model

interface Written {
  readonly tokens: number[]
  readonly logprobs: number[]
  readonly status: number
  steps: number
}

/** Tokens after a prompt until the slot ends or has `count`. `draft` proposes what comes after those. */
async function write (
  model: NativeModel, prompt: readonly number[], count: number, params: Partial<SlotParams>, draft: (sofar: readonly number[]) => number[] = () => []
): Promise<Written> {
  const slot = model.kv.open()
  model.openSlot(slot, slotParams({ maxTokens: count, ...params }), empty, empty)
  const tokens: number[] = []
  const logprobs: number[] = []
  let status: number = RowStatus.running
  let steps = 0
  while (status === RowStatus.running) {
    const known = [...prompt, ...tokens]
    const position = tokens.length === 0 ? 0 : known.length - 1
    const drafted = tokens.length === 0 ? [] : draft(tokens)
    const given = [...known.slice(position), ...drafted]
    if (!model.kv.grow(slot, known.length + drafted.length)) throw new Error('no blocks')
    const output = await runStep(model, [{ slot, tokens: given, position, outputs: RowOutput.logprobs | (drafted.length > 0 ? verify : RowOutput.sample) }])
    tokens.push(...output.tokens.subarray(0, output.tokenStarts[1]))
    logprobs.push(...output.logprobs.subarray(0, output.tokenStarts[1]))
    status = output.statuses[0]!
    steps++
  }
  close(model, slot)
  return { tokens, logprobs, status, steps }
}

function close (model: NativeModel, slot: Slot): void {
  model.closeSlot(slot)
  model.kv.close(slot)
}

t.test('whatever is drafted, the tokens, their log-probabilities and the end are those of steps of one token', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const model = await load()
  let rightTokens = 0
  let wrongDrafts = 0
  for (let i = 0; i < 60; i++) {
    const prompt = Array.from({ length: random.integer(1, 40) }, () => random.integer(0, 319))
    const params: Partial<SlotParams> = {
      temperature: random.pick([0, 1]),
      topK: random.pick([0, 5]),
      seed: BigInt(random.integer(0, 1e9)),
      topLogprobs: 2,
      stopTokenIds: Int32Array.from({ length: random.integer(0, 3) }, () => random.integer(0, 319)),
      minTokens: random.integer(0, 10)
    }
    const count = random.integer(1, 40)
    const plain = await write(model, prompt, count, params)
    const found = await write(model, prompt, count, params, sofar => {
      const length = random.integer(0, 9)
      const draft = plain.tokens.slice(sofar.length, sofar.length + length)
      if (random.chance(0.5) && draft.length > 0) {
        const at = random.integer(0, draft.length - 1)
        draft[at] = (draft[at]! + 1) % 320
        wrongDrafts++
      }
      return draft
    })
    if (JSON.stringify({ ...found, steps: 0 }) !== JSON.stringify({ ...plain, steps: 0 })) t.same(found, plain, `case ${i}`)
    rightTokens += found.tokens.length - found.steps
  }
  t.comment(`${rightTokens} tokens came with others before them, ${wrongDrafts} drafts were wrong`)
  t.ok(rightTokens > 300, 'many tokens came in one row with others')
  t.ok(wrongDrafts > 50, 'many drafts were wrong')
  t.equal(model.kv.stats().usedBlocks, 0)
  await model.dispose()
})

t.test('rows that verify share a step with others, and each has its own tokens', async t => {
  const model = await load()
  const prompts = [[5, 6, 7], [8, 9], [10, 11, 12, 13]]
  const plain: Written[] = []
  for (const prompt of prompts) plain.push(await write(model, prompt, 6, { topLogprobs: 2 }))
  const slots = prompts.map(prompt => {
    const slot = model.kv.open()
    model.openSlot(slot, slotParams({ topLogprobs: 2 }), empty, empty)
    model.kv.grow(slot, prompt.length + 8)
    return slot
  })
  await runStep(model, prompts.map((tokens, i) => ({ slot: slots[i]!, tokens, position: 0 })))
  const wrong = plain[2]!.tokens.slice(0, 3)
  wrong[2] = (wrong[2]! + 1) % 320
  const drafts = [plain[0]!.tokens.slice(0, 5), plain[1]!.tokens.slice(0, 1), wrong]
  const output = await runStep(model, drafts.map((tokens, i) => (
    { slot: slots[i]!, tokens, position: prompts[i]!.length, outputs: RowOutput.logprobs | (i === 1 ? RowOutput.sample : verify) })))
  const rows = drafts.map((_, i) => [...output.tokens.subarray(output.tokenStarts[i], output.tokenStarts[i + 1])])
  t.same(rows, [plain[0]!.tokens.slice(1, 6), plain[1]!.tokens.slice(1, 2), plain[2]!.tokens.slice(1, 3)])
  const logprobs = [...output.logprobs.subarray(0, output.tokenStarts[3])]
  t.same(logprobs, [...plain[0]!.logprobs.slice(1, 6), ...plain[1]!.logprobs.slice(1, 2), ...plain[2]!.logprobs.slice(1, 3)])
  t.same([...output.topIds.subarray(0, 2 * output.tokenStarts[3]!)].filter((_, i) => i % 2 === 0), rows.flat(), 'the best token of each place is the greedy one')
  await model.dispose()
})

t.test('a step of drafts may sample more tokens than it has rows', async t => {
  const model = await load({ maxRows: 1, maxTokens: 40 })
  const plain = await write(model, [3, 4, 5], 30, {})
  const found = await write(model, [3, 4, 5], 30, {}, sofar => plain.tokens.slice(sofar.length))
  t.same(found.tokens, plain.tokens)
  t.equal(found.steps, 2, 'the prompt, and all the rest')
  await model.dispose()
})

t.test('a draft is refused where it cannot be verified, and nothing is queued', async t => {
  const model = await load()
  const slot = model.kv.open()
  model.openSlot(slot, slotParams({ repetitionPenalty: 1.1 }), empty, empty)
  model.kv.grow(slot, 16)
  const step = async (outputs: number): Promise<unknown> => await runStep(model, [{ slot, tokens: [1, 2], position: 0, outputs }])
  await t.rejects(step(verify), { code: 'ERR_INVALID_STEP', message: /outputs\[0\] verifies a draft, which a slot with penalties cannot/ })
  await t.rejects(step(RowOutput.verify), { code: 'ERR_INVALID_STEP', message: /outputs\[0\] verifies a draft, for which it must sample/ })
  await t.rejects(step(verify | RowOutput.awaitMask), { code: 'ERR_INVALID_STEP', message: /without a mask/ })
  await step(RowOutput.sample)
  close(model, slot)
  await model.dispose()
})

t.test('KV can be written again behind what others share, not in it', async t => {
  const model = await load()
  const slot = model.kv.open()
  model.openSlot(slot, slotParams(), empty, empty)
  model.kv.grow(slot, 48)
  const tokens = Array.from({ length: 40 }, (_, i) => i + 1)
  await runStep(model, [{ slot, tokens, position: 0 }])
  const { addon } = await loadNative(fixture('models/qwen3'))
  model.kv.publish(slot, addon.prefixRoot(['test']), Int32Array.from(tokens.slice(0, 32)))
  const again = async (position: number): Promise<unknown> => await runStep(model, [{ slot, tokens: [9], position }])
  await t.rejects(again(31), { code: 'ERR_INVALID_STEP', message: /positions\[0\] is 31, but the slot has 40 tokens/ }, 'in a published block')
  await again(33)
  await t.rejects(again(36), { code: 'ERR_INVALID_STEP', message: /is 36, but the slot has 34 tokens/ }, 'past the end')
  const child = model.kv.fork(slot, 34)
  await t.rejects(again(33), { code: 'ERR_INVALID_STEP' }, 'in a block that a fork shares')
  model.kv.close(child)
  close(model, slot)
  await model.dispose()
})
