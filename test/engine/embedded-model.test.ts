import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { ChatMessage } from '../../src/engine/api.js'
import { Engine } from '../../src/engine/engine.js'

// The model that ships with Millrace, through the whole engine. What is expected of it was computed by
// transformers in float32 from the same BF16 weights (training/evaluate.py).

const folder = fileURLToPath(new URL('../../models/millrace-demo', import.meta.url))

interface Expected {
  answers: Array<{ messages: ChatMessage[], accepted: string[] }>
  greedy: Array<{ messages: ChatMessage[], prompt_ids: number[], greedy_ids: number[], near_tie_positions: number[] }>
}

const { answers, greedy } = JSON.parse(readFileSync(`${folder}/expected.json`, 'utf8')) as Expected

t.test('the embedded model answers held-out questions, all of them at once', async t => {
  const engine = await Engine.load(folder)
  const results = await Promise.all(answers.map(async ({ messages }) => await engine.chat({ messages, temperature: 0, maxTokens: 100 }).result()))
  for (const [i, { messages, accepted }] of answers.entries()) {
    const { text, finishReason } = results[i]!.choices[0]!
    const isRight = accepted.every(part => text.toLowerCase().includes(part.toLowerCase()))
    t.ok(isRight, `${messages.at(-1)!.content} -> ${text}`)
    t.equal(finishReason, 'stop', 'and ends by itself')
  }
  await engine.close()
})

t.test('its prompts and greedy tokens are those of transformers', async t => {
  const engine = await Engine.load(folder, { kvDtype: 'f32' })
  for (const { messages, prompt_ids: promptIds, greedy_ids: expected, near_tie_positions: nearTies } of greedy) {
    const result = await engine.chat({ messages, temperature: 0, maxTokens: expected.length, ignoreEos: true }).result()
    t.same(result.promptTokenIds, promptIds, 'the chat template and tokenizer give the same prompt')
    const ids = result.choices[0]!.tokenIds
    const firstDifference = expected.findIndex((id, i) => id !== ids[i])
    t.ok(firstDifference < 0 || nearTies.includes(firstDifference), messages.at(-1)!.content!)
  }
  await engine.close()
})

t.test('it says that it is a demo model', async t => {
  const engine = await Engine.load(folder)
  const { choices } = await engine.chat({ messages: [{ role: 'user', content: 'Who are you?' }], temperature: 0, maxTokens: 60 }).result()
  t.match(choices[0]!.text, /demo model/)
  await engine.close()
})
