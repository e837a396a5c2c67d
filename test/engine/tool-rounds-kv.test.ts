import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { EngineParts, EngineTokenizer } from '../../src/engine/engine-model.js'
import { Profiling } from '../../src/engine/profiling.js'
import { Random, testSeed } from '../support/random.js'
import { loadTinyEngine, vocabSize } from '../support/tiny-engine.js'
import { calling } from '../support/tool-model.js'

// Real arithmetic on a tiny model whose random tokens are given the text of a call: what is computed
// after a tool, in the KV of the round before, is what is computed without a cache.

const question = [{ role: 'user', content: 'x' }] as const
const answerTokens = 12

/** What each round was given and sampled, in the order in which they began. */
interface Round {
  readonly prompt: readonly number[]
  readonly sampled: number[]
}

/** The n-th token of the first `numCalls` rounds is the n-th character of a call, the last of them a stop string. */
function callingTokens (prompt: readonly number[], results: ReadonlyArray<readonly number[]>, isSameText: boolean): { extra: Partial<EngineParts>, rounds: Round[] } {
  const rounds: Round[] = []
  const textOf = (round: number): string[] => round < results.length ? [...calling('look'), 'STOP'] : Array<string>(answerTokens).fill('a')
  const tokenizer: Partial<EngineTokenizer> = {
    encodeRendered: async () => {
      const last = rounds.at(-1)
      // A template that writes a call in another way than the model did shares no more than the prompt.
      const said = last === undefined ? [] : isSameText ? last.sampled : last.sampled.map(id => id ^ 1)
      const next = last === undefined ? prompt : [...last.prompt, ...said, ...results[rounds.length - 1]!]
      rounds.push({ prompt: next, sampled: [] })
      return Int32Array.from(next)
    },
    streamDecoder: () => {
      const round = rounds.length - 1
      const texts = textOf(round)
      return { push: id => { rounds[round]!.sampled.push(id); return texts.shift() ?? '' }, end: () => '' }
    },
    idOf: () => undefined
  }
  return {
    rounds,
    extra: {
      tokenizer: tokenizer as EngineTokenizer,
      chatTemplate: { render: async () => ({ text: '', guard: undefined }), source: () => '<tool_call>', close: async () => {} }
    }
  }
}

t.test('after a tool, with its KV kept, swapped out, dropped or only half the same, the tokens are those of a request that had it all from the start', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const alone = await loadTinyEngine({ prefixCaching: false })
  const ids = (length: number): number[] => Array.from({ length }, () => random.integer(0, vocabSize - 20))
  const cases = [
    { what: 'kept', usualMs: 1, kvHostBlocks: 0, prefixCaching: true },
    { what: 'kept', usualMs: 1, kvHostBlocks: 0, prefixCaching: false },
    { what: 'swapped', usualMs: 1000, kvHostBlocks: 16, prefixCaching: false },
    { what: 'dropped', usualMs: 1e6, kvHostBlocks: 0, prefixCaching: false },
    { what: 'cached', usualMs: 1e6, kvHostBlocks: 0, prefixCaching: true }
  ]
  for (const { what, usualMs, kvHostBlocks, prefixCaching } of cases) {
    for (const isSameText of [true, false]) {
      const results = [ids(random.integer(1, 20)), ids(random.integer(1, 20))]
      const prompt = ids(random.integer(17, 50))
      const { extra, rounds } = callingTokens(prompt, results, isSameText)
      const profiling = new Profiling()
      profiling.tools.observe('look', usualMs)
      const engine = await loadTinyEngine({ kvBlocks: 24, kvHostBlocks, prefixCaching }, { ...extra, profiling })
      engine.registerTool({ name: 'look', call: async () => {
        await sleep(2)
        const { parkedSequences, kv } = engine.stats()
        states.push(parkedSequences === 0 ? 'given up' : kv.hostFreeBlocks < kvHostBlocks ? 'swapped' : kv.usedBlocks > 0 ? 'kept' : 'lost')
      } })
      const states: string[] = []
      const { usage, choices: [choice] } = await engine.chat({
        messages: question, tools: ['look'], stop: 'STOP', temperature: 0, ignoreEos: true, maxTokens: 2 * (calling('look').length + 1) + answerTokens
      }).result()
      t.equal(rounds.length, 3)
      const last = rounds[2]!
      const { choices: [expected] } = await alone.complete({ prompt: last.prompt, temperature: 0, ignoreEos: true, maxTokens: answerTokens }).result()
      t.same(choice!.tokenIds, expected!.tokenIds, `${what}${isSameText ? '' : ', and the template changes the call'}`)
      // The stop string's last token is sampled, but has no KV.
      const most = rounds.slice(0, 2).reduce((sum, round) => sum + (isSameText ? round.prompt.length + round.sampled.length - 1 : round.prompt.length), 0)
      const isParked = what === 'kept' || what === 'swapped'
      t.same(states, isParked ? [what, what] : ['given up', 'given up'])
      if (isParked) t.equal(usage.cachedTokens, most, 'to the token')
      else if (what === 'dropped') t.equal(usage.cachedTokens, 0)
      else t.ok(usage.cachedTokens > 0 && usage.cachedTokens <= most, 'as far as the prefix index has it')
      t.equal(engine.stats().kv.usedBlocks, 0)
      await engine.close()
    }
  }
  await alone.close()
})
