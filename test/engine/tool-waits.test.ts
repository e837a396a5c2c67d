import t, { type Test } from 'tap'
import { calledTool, toolNames } from '../../src/engine/tool-waits.js'
import { Profiling } from '../../src/engine/profiling.js'
import { answering, scriptedEngine } from '../support/scripted-model.js'

const words = ['<end>', 'what is the weather? ', '<tool_call>{"name": "weather"}</tool_call>', 'it ', 'rains', ' 17 degrees ', 'fine']
const call = words[2]!
const weather = { type: 'function', function: { name: 'weather', parameters: {} } }
const question = Array(8).fill({ role: 'user', content: words[1]! }) as Array<{ role: 'user', content: string }>

const callsThenAnswers = (prompt: readonly number[], generated: readonly number[]) =>
  prompt.includes(2) ? answering(3, 4)(prompt, generated) : answering(2)(prompt, generated)

t.test('the turn after a tool call finds the KV of the turn before, kept or swapped out, and the wait is learnt', async t => {
  for (const [hostBlocks, usualMs] of [[0, 2], [16, 5000]] as const) {
    await t.test(`a tool that takes ${usualMs} ms, with a host tier of ${hostBlocks} blocks`, async t => { await twoTurns(t, hostBlocks, usualMs) })
  }
})

async function twoTurns (t: Test, hostBlocks: number, usualMs: number): Promise<void> {
  const profiling = new Profiling()
  profiling.tools.observe('weather', usualMs)
  const { engine, model } = scriptedEngine(words, { next: callsThenAnswers, hostBlocks }, { profiling })
  const first = await engine.chat({ messages: question, tools: [weather] }).result()
  t.equal(first.choices[0]!.text, call)
  t.equal(engine.stats().parkedSequences, 1)
  if (hostBlocks === 0) t.ok(model.kv.stats().usedBlocks > 0, 'kept')
  else t.ok(model.kv.stats().hostFreeBlocks < hostBlocks, 'swapped out')
  await new Promise(resolve => setTimeout(resolve, 30))
  const before = profiling.tools.expectedMs('weather')
  const second = await engine.chat({
    messages: [...question, { role: 'assistant', content: call }, { role: 'tool', content: words[5]! }], tools: [weather]
  }).result()
  t.equal(second.choices[0]!.text, 'it rains')
  t.ok(second.usage.cachedTokens >= 8, `${second.usage.cachedTokens} tokens of the turn before`)
  t.equal(Math.sign(profiling.tools.expectedMs('weather') - before), Math.sign(30 - usualMs), 'some 30 ms were seen')
  t.equal(engine.stats().parkedSequences, 0)
  t.equal(model.kv.stats().usedBlocks, 0)
  t.equal(model.kv.stats().hostFreeBlocks, hostBlocks)
  await engine.close()
}

t.test('a session of one tenant is not that of another', async t => {
  const { engine } = scriptedEngine(words, { next: callsThenAnswers, hostBlocks: 16 })
  const tenant = { tools: [weather], sessionId: 'one', cacheSalt: 'a' }
  await engine.chat({ messages: question, ...tenant }).result()
  t.equal(engine.stats().parkedSequences, 1)
  const messages = [...question, { role: 'assistant' as const, content: call }, { role: 'tool' as const, content: words[5]! }]
  const stranger = await engine.chat({ messages, ...tenant, cacheSalt: 'b' }).result()
  t.equal(stranger.usage.cachedTokens, 0)
  t.equal(engine.stats().parkedSequences, 1)
  const owner = await engine.chat({ messages, ...tenant }).result()
  t.ok(owner.usage.cachedTokens > 0)
  await engine.close()
})

t.test('an answer that calls no tool leaves nothing behind', async t => {
  const { engine, model } = scriptedEngine(words, { next: answering(6) })
  await engine.chat({ messages: question, tools: [weather] }).result()
  t.equal(engine.stats().parkedSequences, 0)
  t.equal(model.kv.stats().usedBlocks, 0)
  await engine.close()
})

t.test('a call of a tool that was not offered, and an aborted one, leave nothing behind', async t => {
  const { engine, model } = scriptedEngine(words, { next: answering(2) })
  await engine.chat({ messages: question, tools: [{ type: 'function', function: { name: 'other' } }] }).result()
  const aborted = engine.chat({ messages: question, tools: [weather] })
  aborted.abort()
  await aborted.result()
  t.equal(engine.stats().parkedSequences, 0)
  t.equal(model.kv.stats().usedBlocks, 0)
  await engine.close()
})

t.test('tools are known by the name that OpenAI\'s form gives them', async t => {
  t.same(toolNames([weather, null, {}, { function: { name: 7 } }, 'x']), ['weather'])
  t.equal(calledTool('<tool_call>\n{"arguments": {}, "name" : "weather"}', ['search', 'weather']), 'weather')
  t.equal(calledTool('my name is weather', ['weather']), undefined)
})
