import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { Check } from 'typebox/schema'
import type { ChatMessage, ChatOptions, Choice, Constraint } from '../../src/engine/api.js'
import { Engine } from '../../src/engine/engine.js'

// The model that ships with Millrace, through the whole engine. What is expected of it was computed by
// transformers in float32 from the same BF16 weights (training/evaluate.py).

const folder = fileURLToPath(new URL('../../models/millrace-demo', import.meta.url))

interface ExpectedAnswer {
  readonly category: string
  readonly messages: readonly ChatMessage[]
  /** All of them are in the answer. */
  readonly accepted: readonly string[]
  readonly tools?: readonly unknown[]
  /** Of the tools, in any order; none where the list is empty. */
  readonly calls?: ReadonlyArray<{ readonly name: string, readonly arguments: Readonly<Record<string, unknown>> }>
  /** The answer is JSON that fits it. */
  readonly schema?: Readonly<Record<string, unknown>>
}

interface Expected {
  answers: ExpectedAnswer[]
  greedy: Array<{ messages: ChatMessage[], prompt_ids: number[], greedy_ids: number[], near_tie_positions: number[] }>
}

const { answers, greedy } = JSON.parse(readFileSync(`${folder}/expected.json`, 'utf8')) as Expected

async function answerAll (engine: Engine, rows: readonly ExpectedAnswer[], options: Partial<ChatOptions> = {}): Promise<Choice[]> {
  const results = await Promise.all(rows.map(async ({ messages, tools }) => await engine.chat({ messages, tools, temperature: 0, maxTokens: 112, ...options }).result()))
  return results.map(({ choices }) => choices[0]!)
}

function normalised (text: string): string {
  return text.toLowerCase().replace(/[^\p{L}\p{N}+\-*×/÷]+/gu, ' ').trim()
}

t.test('the embedded model answers held-out questions, all of them at once', async t => {
  const engine = await Engine.load(folder)
  const rows = answers.filter(({ calls, schema }) => schema === undefined && (calls?.length ?? 0) === 0)
  for (const [i, { text, finishReason }] of (await answerAll(engine, rows)).entries()) {
    const { messages, accepted } = rows[i]!
    t.ok(accepted.every(part => normalised(text).includes(normalised(part))), `${messages.at(-1)!.content} -> ${text}`)
    t.equal(finishReason, 'stop', 'and ends by itself')
  }
  await engine.close()
})

t.test('it calls the tools that a question needs, with their arguments', async t => {
  const engine = await Engine.load(folder)
  const rows = answers.filter(({ calls = [] }) => calls.length > 0)
  t.ok(rows.length > 0)
  for (const [i, { toolCalls = [], finishReason }] of (await answerAll(engine, rows)).entries()) {
    const { messages, calls = [] } = rows[i]!
    t.same(sorted(toolCalls.map(call => ({ name: call.name, arguments: call.arguments }))), sorted(calls), messages.at(-1)!.content!)
    t.equal(finishReason, 'tool_calls')
  }
  await engine.close()
})

t.test('it fills a schema by itself, and under constraint without exception', async t => {
  const engine = await Engine.load(folder)
  const rows = answers.filter(({ schema }) => schema !== undefined)
  t.ok(rows.length > 0)
  for (const [i, { text }] of (await answerAll(engine, rows)).entries()) {
    t.ok(fits(rows[i]!.schema!, text), `${rows[i]!.messages.at(-1)!.content} -> ${text}`)
  }
  for (const row of rows) {
    const constraint: Constraint = { type: 'jsonSchema', schema: row.schema! }
    const [choice] = await answerAll(engine, [{ ...row, messages: [{ role: 'user', content: 'Tell me a story about a fox.' }] }], { constraint, maxTokens: 400, temperature: 1, seed: 7 })
    t.ok(choice!.finishReason === 'length' || fits(row.schema!, choice!.text), `it is asked for something else -> ${choice!.text}`)
  }
  await engine.close()
})

function fits (schema: Readonly<Record<string, unknown>>, text: string): boolean {
  try {
    return Check(schema, JSON.parse(text))
  } catch {
    return false
  }
}

function sorted (calls: ReadonlyArray<{ readonly name: string, readonly arguments: unknown }>): object[] {
  return [...calls].sort((a, b) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)
}

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
