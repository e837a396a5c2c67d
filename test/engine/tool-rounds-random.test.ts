import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Random, testSeed } from '../support/random.js'
import { calling, toolEngine } from '../support/tool-model.js'

const clientTool = { type: 'function', function: { name: 'light', parameters: { type: 'object', properties: {} } } }

t.test('200 requests with tools at random, aborted, late and failing ones among them, leak no block', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  for (const [numRequests, blocks, hostBlocks, hasCallersTools] of [[200, 2048, 0, false], [40, 160, 64, false], [40, 120, 0, false], [40, 160, 64, true]] as const) {
    const { engine, model } = toolEngine({
      answer: conversation => {
        // The same for the same conversation, whoever has it.
        let hash = 7
        for (const char of conversation) hash = (hash * 31 + char.charCodeAt(0)) % 65_521
        const isLast = hash % 3 === 0 || conversation.split('<assistant>').length > 5
        const calls = [calling('fast'), calling('slow', { ms: hash % 9 }), calling('broken'), calling('hangs'), calling('unknown'), '<tool_call>{"name"</tool_call>',
          ...hasCallersTools ? [calling('light')] : []]
        return isLast ? `Done ${hash}.` : `Hm. ${calls[hash % calls.length]!}${hash % 5 === 0 ? calls[hash % 4]! : ''}`
      },
      blocks,
      hostBlocks,
      maxModelLen: 460
    })
    engine.registerTool({ name: 'fast', call: () => 'quick' })
    engine.registerTool<{ ms: number }>({ name: 'slow', call: async ({ ms }, { signal }) => await sleep(ms, 'slow', { signal }) })
    engine.registerTool({ name: 'broken', call: () => { throw new Error('broken') } })
    engine.registerTool({ name: 'hangs', timeoutMs: 8, call: async () => { await new Promise(() => {}) } })
    const reasons = new Map<string, number>()
    let results = 0
    await Promise.all(Array.from({ length: numRequests }, async (_, i) => {
      await sleep(random.integer(0, 60))
      const generation = engine.chat({
        messages: [{ role: 'user', content: `Request ${i} ${'x'.repeat(random.integer(0, 40))}` }],
        tools: hasCallersTools ? ['fast', 'slow', 'hangs', clientTool] : 'registered',
        n: random.chance(0.2) ? 2 : 1,
        ...random.chance(0.3) ? { maxTokens: random.integer(1, 150) } : {},
        ...random.chance(0.3) ? { sessionId: `s${random.integer(0, 9)}` } : {}
      })
      if (random.chance(0.25)) setTimeout(() => { generation.abort() }, random.integer(0, 400))
      const { choices, usage, timeline } = await generation.result()
      for (const { finishReason, messages = [] } of choices) {
        reasons.set(finishReason, (reasons.get(finishReason) ?? 0) + 1)
        results += messages.filter(({ role }) => role === 'tool').length
      }
      if (usage.cachedTokens > usage.promptTokens) t.fail('more cached than there is')
      const sum = timeline.queueMs + timeline.prefillMs + timeline.decodeMs + timeline.preemptedMs + timeline.toolMs
      if (Math.abs(sum - timeline.e2eMs) > 1e-6) t.fail(`${sum} is not ${timeline.e2eMs}`)
    }))
    t.ok(results > numRequests / 4, `${results} results of tools; ends: ${JSON.stringify([...reasons])}; ${engine.stats().preemptions} preemptions`)
    t.match(engine.stats(), { requests: 0, waitingSequences: 0, runningSequences: 0, toolWaits: 0 })
    const { usedBlocks, freeBlocks, cachedBlocks, hostFreeBlocks } = model.kv.stats()
    t.equal(usedBlocks + freeBlocks + cachedBlocks, blocks)
    // What waits for callers that may come back.
    if (reasons.get('tool_calls') === undefined) t.equal(engine.stats().parkedSequences, 0)
    if (engine.stats().parkedSequences === 0) t.same([usedBlocks, hostFreeBlocks], [0, hostBlocks])
    await engine.close()
  }
})
