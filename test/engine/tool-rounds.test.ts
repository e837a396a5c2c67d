import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { GenerationChunk, Tool, ToolResult } from '../../src/engine/api.js'
import type { Engine } from '../../src/engine/engine.js'
import { Profiling } from '../../src/engine/profiling.js'
import { eventually } from '../support/http.js'
import type { ScriptedModel } from '../support/scripted-model.js'
import { calling, toolEngine } from '../support/tool-model.js'

const question = [{ role: 'user', content: 'How is the weather in Ulm, and is it warmer than in Bonn?' }] as const
const city = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
const weather: Tool<{ city: string }> = { name: 'weather', description: 'Of a city.', parameters: city, call: ({ city }) => `${city}: 17 degrees` }
const clientTool = { type: 'function', function: { name: 'light', parameters: { type: 'object', properties: {} } } }

/** Calls these, one answer after the other, then says so. */
const callsOf = (...answers: string[]) => (conversation: string): string =>
  answers[conversation.split('<assistant>').length - 2] ?? 'It is warm.'

function nothingLeft (t: Test, engine: Engine, model: ScriptedModel): void {
  const { usedBlocks, freeBlocks, cachedBlocks } = model.kv.stats()
  t.equal(usedBlocks, 0, 'no block is in use')
  t.equal(freeBlocks + cachedBlocks, model.kv.totalBlocks)
  t.match(engine.stats(), { requests: 0, waitingSequences: 0, runningSequences: 0, parkedSequences: 0, toolWaits: 0 })
}

async function chunksOf (generation: AsyncIterable<GenerationChunk>): Promise<GenerationChunk[]> {
  const chunks: GenerationChunk[] = []
  for await (const chunk of generation) chunks.push(chunk)
  return chunks
}

/** A result that a test gives. */
function promised (): { tool: (name: string) => Tool, resolve: (value: unknown) => void, signals: AbortSignal[] } {
  const signals: AbortSignal[] = []
  let resolve!: (value: unknown) => void
  const result = new Promise(_resolve => { resolve = _resolve })
  return { tool: name => ({ name, call: async (_, { signal }) => { signals.push(signal); return await result } }), resolve, signals }
}

t.test('a registered tool runs within the request: one stream, one result, the text without the call', async t => {
  const { engine, model } = toolEngine({ answer: callsOf(`Let me see.\n${calling('weather', { city: 'Ulm' })}`) })
  const seen: unknown[] = []
  engine.registerTool<{ city: string }>({ ...weather, call: (args, { requestId, callId, signal }) => { seen.push(args, requestId, callId, signal.aborted); return weather.call(args, { requestId, callId, signal }) } })
  const generation = engine.chat({ messages: question, tools: ['weather'], requestId: 'r1' })
  const chunks = await chunksOf(generation)
  const result = await generation.result()
  const call = chunks.flatMap(({ toolCalls = [] }) => toolCalls)
  t.match(call, [{ id: /^call_[0-9a-z]{13}$/, name: 'weather', arguments: { city: 'Ulm' } }])
  t.same(seen, [{ city: 'Ulm' }, 'r1', call[0]!.id, false])
  t.match(chunks.flatMap(({ toolResults = [] }) => toolResults), [{ callId: call[0]!.id, name: 'weather', content: 'Ulm: 17 degrees', isError: false }])
  const kinds = chunks.map(({ toolCalls, toolResults, finishReason }) => toolCalls !== undefined ? 'call' : toolResults !== undefined ? 'result' : finishReason ?? 'text')
  t.same(kinds.filter((kind, i) => kind !== kinds[i - 1]), ['text', 'call', 'result', 'text', 'stop'], 'in the order in which it happened')
  t.equal(chunks.map(({ text }) => text).join(''), 'Let me see.It is warm.')
  t.match(result.choices, [{ text: 'Let me see.It is warm.', finishReason: 'stop', toolCalls: undefined }])
  t.match(result.choices[0]!.messages, [
    { role: 'assistant', content: 'Let me see.', tool_calls: [{ id: call[0]!.id, type: 'function', function: { name: 'weather', arguments: { city: 'Ulm' } } }] },
    { role: 'tool', tool_call_id: call[0]!.id, name: 'weather', content: 'Ulm: 17 degrees' },
    { role: 'assistant', content: 'It is warm.' }
  ])
  nothingLeft(t, engine, model)
  await engine.close()
})

t.test('a slow reader finds texts, calls and results in the order in which they happened', async t => {
  const { engine } = toolEngine({ answer: callsOf(`One. ${calling('weather', { city: 'Ulm' })}`, `Two. ${calling('weather', { city: 'Bonn' })}`) })
  engine.registerTool(weather)
  const generation = engine.chat({ messages: question, tools: 'registered' })
  await generation.result()
  const events = (await chunksOf(generation)).map(({ text, toolCalls, toolResults }) => toolCalls?.[0]?.arguments['city'] ?? toolResults?.[0]?.content ?? text)
  t.same(events, ['One.', 'Ulm', 'Ulm: 17 degrees', 'Two.', 'Bonn', 'Bonn: 17 degrees', 'It is warm.'])
  await engine.close()
})

t.test('the next round takes the KV of the one before, kept or swapped out, to the last block at least; usage is the sum', async t => {
  for (const [usualMs, hostBlocks] of [[2, 0], [5000, 2048]] as const) {
    const profiling = new Profiling()
    profiling.tools.observe('weather', usualMs)
    const gate = promised()
    const { engine, model } = toolEngine({ answer: callsOf(calling('weather', {})), hostBlocks, extra: { profiling } })
    engine.registerTool(gate.tool('weather'))
    const generation = engine.chat({ messages: question, tools: ['weather'] })
    await eventually(() => engine.stats().toolWaits === 1, 'the tool runs')
    t.equal(engine.stats().parkedSequences, 1)
    t.equal(engine.stats().requests, 1)
    const { usedBlocks, hostFreeBlocks } = model.kv.stats()
    if (hostBlocks === 0) t.ok(usedBlocks > 0, 'kept')
    else t.ok(usedBlocks === 0 && hostFreeBlocks < hostBlocks, 'swapped out')
    gate.resolve('17 degrees')
    const { usage, promptTokenIds, timeline } = await generation.result()
    const [first, answered] = [promptTokenIds.length, calling('weather', {}).length - '<tool_call></tool_call>'.length + 2]
    t.equal(usage.completionTokens, answered + 1 + 'It is warm.'.length + 1)
    const second = first + answered + '<'.length + 1 + '17 degrees'.length + 1 + 1
    t.equal(usage.promptTokens, first + 5 + second - 5)
    t.ok(usage.cachedTokens >= first + answered - 4, `${usage.cachedTokens} of ${first + answered} tokens`)
    t.equal(timeline.queueMs + timeline.prefillMs + timeline.decodeMs + timeline.preemptedMs + timeline.toolMs, timeline.e2eMs)
    t.ok(timeline.toolMs > 0)
    nothingLeft(t, engine, model)
    t.equal(model.kv.stats().hostFreeBlocks, hostBlocks)
    await engine.close()
  }
})

t.test('KV that was dropped while the tool ran is computed again, and the answer is the same', async t => {
  const profiling = new Profiling()
  profiling.tools.observe('weather', 1e6)
  const gate = promised()
  const { engine, model } = toolEngine({ answer: callsOf(calling('weather')), extra: { profiling } })
  engine.registerTool(gate.tool('weather'))
  const generation = engine.chat({ messages: question, tools: ['weather'] })
  await eventually(() => engine.stats().toolWaits === 1, 'the tool runs')
  t.equal(engine.stats().parkedSequences, 0, 'too long a wait')
  t.equal(model.kv.stats().usedBlocks, 0)
  engine.clearPrefixCache()
  gate.resolve('17')
  const { choices, usage } = await generation.result()
  t.equal(choices[0]!.text, 'It is warm.')
  t.equal(usage.cachedTokens, 0)
  nothingLeft(t, engine, model)
  await engine.close()
})

t.test('how long each tool takes is learnt under its name', async t => {
  const profiling = new Profiling()
  const { engine } = toolEngine({ answer: callsOf(`${calling('fast')}${calling('slow')}`), extra: { profiling } })
  engine.registerTool({ name: 'fast', call: () => 1 })
  engine.registerTool({ name: 'slow', call: async () => await sleep(60, 2) })
  await engine.chat({ messages: question, tools: ['fast', 'slow'] }).result()
  t.ok(profiling.tools.expectedMs('fast') < 40)
  t.ok(profiling.tools.expectedMs('slow') >= 55)
  await engine.close()
})

t.test('calls of one answer run side by side, and their results stand in the order of the calls', async t => {
  let running = 0
  let most = 0
  const { engine } = toolEngine({ answer: callsOf([40, 5, 20].map(ms => calling('wait', { ms })).join('\n')) })
  engine.registerTool<{ ms: number }>({
    name: 'wait',
    parameters: { type: 'object', properties: { ms: { type: 'number' } } },
    call: async ({ ms }) => { most = Math.max(most, ++running); await sleep(ms); running--; return { ms } }
  })
  const generation = engine.chat({ messages: question, tools: ['wait'] })
  const chunks = await chunksOf(generation)
  t.equal(most, 3)
  t.same(chunks.flatMap(({ toolResults = [] }) => toolResults.map(({ content }) => content)), ['{"ms":5}', '{"ms":20}', '{"ms":40}'], 'events as they come')
  const { choices: [choice] } = await generation.result()
  t.same(choice!.messages!.filter(({ role }) => role === 'tool').map(({ content }) => content), ['{"ms":40}', '{"ms":5}', '{"ms":20}'])
  await engine.close()
})

t.test('a tool that throws, one that never returns and bad arguments are told to the model, and the request goes on', async t => {
  const { engine, model } = toolEngine({
    answer: callsOf(`${calling('broken')}${calling('hangs')}${calling('weather', { town: 'Ulm' })}${calling('wether')}<tool_call>{"name": </tool_call>${calling('round')}`)
  })
  const signals: AbortSignal[] = []
  engine.registerTool(weather)
  engine.registerTool({ name: 'broken', call: () => { throw new Error('no connection') } })
  engine.registerTool({ name: 'round', call: () => { const a: any = {}; a.a = a; return a } })
  engine.registerTool({ name: 'hangs', timeoutMs: 20, call: async (_, { signal }) => { signals.push(signal); await new Promise(() => {}) } })
  const generation = engine.chat({ messages: question, tools: 'registered' })
  const results = (await chunksOf(generation)).flatMap(({ toolResults = [] }) => toolResults)
  const { choices: [choice] } = await generation.result()
  const told = choice!.messages!.filter(({ role }) => role === 'tool').map(({ content }) => content)
  t.match(told, [
    'The tool broken failed: no connection',
    'The tool hangs failed: It did not answer within 20 ms.',
    /^The arguments of weather do not fit its parameters: they must have required properties city\.$/,
    'There is no tool wether. There are: weather, broken, round, hangs.',
    'The tool call is not valid JSON.',
    /^The tool round failed: .*circular/i
  ])
  t.ok(results.every(({ isError }: ToolResult) => isError))
  t.equal(signals[0]!.aborted, true)
  t.equal(choice!.text, 'It is warm.')
  t.match(choice!.messages![0]!.content, '<tool_call>{"name": </tool_call>', 'the model sees what it wrote')
  nothingLeft(t, engine, model)
  await engine.close()
})

t.test('a long result is cut, and the model is told', async t => {
  const { engine } = toolEngine({ answer: callsOf(calling('dump')) })
  engine.registerTool({ name: 'dump', maxResultChars: 10, call: () => 'x'.repeat(50) })
  const { choices } = await engine.chat({ messages: question, tools: ['dump'] }).result()
  t.equal(choices[0]!.messages![1]!.content, `${'x'.repeat(10)}\n[cut: 10 of 50 characters]`)
  await engine.close()
})

t.test('results that fill the context end the request with length, not with an error', async t => {
  const { engine, model } = toolEngine({ answer: callsOf(`Well. ${calling('dump')}`), maxModelLen: 400 })
  engine.registerTool({ name: 'dump', call: () => 'x'.repeat(600) })
  const { choices } = await engine.chat({ messages: question, tools: ['dump'] }).result()
  t.match(choices, [{ text: 'Well.', finishReason: 'length' }])
  nothingLeft(t, engine, model)
  await engine.close()
})

t.test('abort while a tool runs aborts its signal, ends the request at once and frees everything', async t => {
  for (const end of ['abort', 'signal', 'leave', 'close'] as const) {
    const gate = promised()
    const controller = new AbortController()
    const { engine, model } = toolEngine({ answer: callsOf(`Wait. ${calling('slow')}`) })
    engine.registerTool(gate.tool('slow'))
    const generation = engine.chat({ messages: question, tools: ['slow'], signal: controller.signal })
    if (end === 'leave') {
      for await (const { toolCalls } of generation) if (toolCalls !== undefined) break
    } else {
      await eventually(() => engine.stats().toolWaits === 1, 'the tool runs')
      if (end === 'abort') generation.abort()
      else if (end === 'signal') controller.abort()
      else await engine.close()
    }
    if (end !== 'close') nothingLeft(t, engine, model)
    const { choices: [choice], timeline } = await generation.result()
    t.match(choice, { text: 'Wait.', finishReason: 'abort', toolCalls: [{ name: 'slow' }] }, end)
    t.equal(timeline.queueMs + timeline.prefillMs + timeline.decodeMs + timeline.preemptedMs + timeline.toolMs, timeline.e2eMs)
    if (end !== 'leave') t.equal(gate.signals[0]!.aborted, true)
    gate.resolve('too late')
    await sleep(5)
    await engine.close()
  }
})

t.test('closing with drain lets tools and the rounds after them finish', async t => {
  const { engine } = toolEngine({ answer: callsOf(calling('slow')) })
  engine.registerTool({ name: 'slow', call: async () => await sleep(30, 'done') })
  const generation = engine.chat({ messages: question, tools: ['slow'] })
  await eventually(() => engine.stats().toolWaits === 1, 'the tool runs')
  await engine.close({ drain: true })
  t.equal((await generation.result()).choices[0]!.text, 'It is warm.')
})

t.test('after maxToolRounds rounds, or without tokens left, the calls are the caller\'s', async t => {
  const { engine, model } = toolEngine({ answer: () => calling('again') })
  let calls = 0
  engine.registerTool({ name: 'again', call: () => ++calls })
  for (const [maxToolRounds, expected] of [[undefined, 8], [3, 3], [0, 0]] as const) {
    calls = 0
    const { choices: [choice] } = await engine.chat({ messages: question, tools: ['again'], maxToolRounds }).result()
    t.match(choice, { finishReason: 'tool_calls', text: '', toolCalls: [{ name: 'again' }] })
    t.equal(calls, expected)
    t.equal(choice!.messages!.length, 2 * expected + 1)
  }
  calls = 0
  const tokens = calling('again').length - '<tool_call></tool_call>'.length + 2 + 1
  const { choices: [choice], usage } = await engine.chat({ messages: question, tools: ['again'], maxTokens: 2 * tokens + 3 }).result()
  t.match(choice, { finishReason: 'length', text: '<tool_call>\n{' }, 'what was cut is no call')
  t.equal(calls, 2)
  t.equal(usage.completionTokens, 2 * tokens + 3, 'maxTokens counts over all rounds')
  t.match(await engine.chat({ messages: question, tools: ['again'], maxTokens: tokens }).result(), { choices: [{ finishReason: 'tool_calls' }] })
  t.equal(calls, 2)
  // Those that end so wait for a caller that may come back.
  t.ok(engine.stats().parkedSequences > 0)
  engine.clearPrefixCache()
  t.equal(engine.stats().requests, 0)
  t.ok(model.kv.stats().usedBlocks > 0)
  await engine.close()
})

t.test('tools of both kinds in one answer: ours are run, then the request ends with the caller\'s', async t => {
  const profiling = new Profiling()
  for (const name of ['light', 'weather']) profiling.tools.observe(name, 2)
  const { engine } = toolEngine({ answer: callsOf(`${calling('light')}\n${calling('weather', { city: 'Ulm' })}`), extra: { profiling } })
  engine.registerTool(weather)
  const { choices: [choice] } = await engine.chat({ messages: question, tools: ['weather', clientTool] }).result()
  t.match(choice, { finishReason: 'tool_calls', toolCalls: [{ name: 'light', arguments: {} }] })
  t.equal(choice!.toolCalls!.length, 1)
  t.match(choice!.messages, [{ role: 'assistant', tool_calls: [{ function: { name: 'light' } }, { function: { name: 'weather' } }] }, { role: 'tool', content: 'Ulm: 17 degrees' }])
  t.equal(engine.stats().parkedSequences, 1)
  const { choices: [next], usage } = await engine.chat({
    messages: [...question, ...choice!.messages!, { role: 'tool', content: 'on', tool_call_id: choice!.toolCalls![0]!.id }], tools: ['weather', clientTool]
  }).result()
  t.equal(next!.text, 'It is warm.')
  t.ok(usage.cachedTokens > 50, 'the caller\'s next request finds the KV')
  t.equal(engine.stats().parkedSequences, 0)
  await engine.close()
})

t.test('calls of the caller\'s tools are read out of the text; what is no call stays text', async t => {
  const { engine } = toolEngine({ answer: callsOf(`So: ${calling('light')}`) })
  t.match(await engine.chat({ messages: question, tools: [clientTool] }).result(),
    { choices: [{ text: 'So:', finishReason: 'tool_calls', toolCalls: [{ name: 'light' }] }] })
  const broken = toolEngine({ answer: () => '<tool_call>{"name"</tool_call>' })
  t.match(await broken.engine.chat({ messages: question, tools: [clientTool] }).result(),
    { choices: [{ text: '<tool_call>{"name"</tool_call>', finishReason: 'stop' }] })
  t.match(await engine.chat({ messages: question }).result(), { choices: [{ text: `So: ${calling('light')}`, finishReason: 'stop' }] }, 'without tools nothing is read')
  await engine.close()
  await broken.engine.close()
})

t.test('each of several choices goes its own way', async t => {
  const { engine, model } = toolEngine({ answer: callsOf(calling('weather', { city: 'Ulm' })) })
  let calls = 0
  engine.registerTool({ ...weather, call: async args => { const ms = ++calls * 10; await sleep(ms); return weather.call(args as { city: string }, {} as never) } })
  const { choices, usage } = await engine.chat({ messages: question, tools: ['weather'], n: 3 }).result()
  t.equal(calls, 3)
  t.same(choices.map(({ index, text, finishReason }) => [index, text, finishReason]), [0, 1, 2].map(index => [index, 'It is warm.', 'stop']))
  t.ok(usage.promptTokens > 3 * 100, 'one prompt for all, then one for each')
  nothingLeft(t, engine, model)
  await engine.close()
})

t.test('the request\'s clock runs on: its deadline counts from its arrival, and tokens are not due while a tool runs', async t => {
  const { engine } = toolEngine({ answer: callsOf(calling('slow')) })
  engine.registerTool({ name: 'slow', call: async () => await sleep(120) })
  const tools = ['slow']
  t.equal((await engine.chat({ messages: question, tools, slo: { deadlineMs: 100 } }).result()).sloMet, false)
  const { sloMet, timeline } = await engine.chat({ messages: question, tools, slo: { ttftMs: 100, tpotMs: 1, deadlineMs: 60_000 } }).result()
  t.ok(timeline.ttftMs! < 100)
  t.ok(timeline.toolMs >= 115)
  t.equal(sloMet, (timeline.e2eMs - timeline.toolMs - timeline.ttftMs!) / 48 <= 1)
  await engine.close()
})

t.test('what is wrong with a tool, or with the tools of a request, is named', async t => {
  const { engine } = toolEngine({ answer: () => 'x' })
  const take = engine.registerTool(weather)
  const call = (): number => 1
  const bad: Array<[unknown, RegExp]> = [
    [{ name: 'a b', call }, /name is "a b"; it must be 1 to 64 letters/],
    [{ name: 'x'.repeat(65), call }, /1 to 64/],
    [{ name: 'weather', call }, /A tool weather is registered already/],
    [{ name: 'a' }, /The tool a has no function call/],
    [{ name: 'a', call, timeoutMs: 0 }, /timeoutMs is 0/],
    [{ name: 'a', call, timeout: 5 }, /A tool has no timeout\. Did you mean timeoutMs/],
    [{ name: 'a', call, parameters: { type: 'string' } }, /must be a JSON schema of type object/],
    [{ name: 'a', call, parameters: { type: 'object', properties: { b: { type: 'string', pattern: '(' } } } }, /no JSON schema that can be checked/],
    [undefined, /A tool must be an object/]
  ]
  for (const [tool, message] of bad) t.throws(() => engine.registerTool(tool as Tool), { code: 'ERR_INVALID_PARAMETER', message })
  const refusals: Array<[object, RegExp]> = [
    [{ tools: ['wether'] }, /There is no registered tool wether\. Did you mean weather/],
    [{ tools: 'all' }, /tools must be 'registered', or a list/],
    [{ tools: ['weather', 'weather'] }, /tools has weather twice/],
    [{ tools: ['weather'], maxToolRounds: -1 }, /maxToolRounds is -1/],
    [{ tools: [clientTool], maxToolRounds: 1 }, /maxToolRounds needs registered tools/]
  ]
  for (const [options, message] of refusals) {
    await t.rejects(engine.chat({ messages: question, ...options }).result(), { code: 'ERR_INVALID_PARAMETER', message })
  }
  t.equal(engine.info.toolFormat, 'hermes')
  take()
  take()
  await t.rejects(engine.chat({ messages: question, tools: ['weather'] }).result(), { message: /There is no registered tool weather\.$/ })
  await engine.close()
  const plain = toolEngine({ answer: () => 'x', extra: { chatTemplate: { render: async () => ({ text: 'x', guard: undefined }), source: () => '', close: async () => {} } } })
  plain.engine.registerTool(weather)
  await t.rejects(plain.engine.chat({ messages: question, tools: 'registered' }).result(), { code: 'ERR_NO_TOOL_FORMAT' })
  await plain.engine.close()
})

t.test('a tool that was taken away goes on for requests that were offered it', async t => {
  const gate = promised()
  const { engine } = toolEngine({ answer: callsOf(calling('slow')) })
  const take = engine.registerTool(gate.tool('slow'))
  const generation = engine.chat({ messages: question, tools: 'registered' })
  await eventually(() => engine.stats().toolWaits === 1, 'the tool runs')
  take()
  gate.resolve('done')
  t.equal((await generation.result()).choices[0]!.text, 'It is warm.')
  await engine.close()
})

t.test('a template that refuses the results fails the request, and leaves nothing behind', async t => {
  const { engine, model } = toolEngine({ answer: callsOf(calling('weather', { city: 'Ulm' })), extra: {
    chatTemplate: {
      render: async ({ messages }) => {
        if (messages.length > 1) throw new Error('no tool messages here')
        return { text: '<user>How?<end><assistant>', guard: undefined }
      },
      source: () => '<tool_call>',
      close: async () => {}
    }
  } })
  engine.registerTool(weather)
  await t.rejects(engine.chat({ messages: question, tools: ['weather'] }).result(), { message: 'no tool messages here' })
  nothingLeft(t, engine, model)
  await engine.close()
})
