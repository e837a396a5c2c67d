import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { Constraint } from '../../src/engine/api.js'
import { Engine } from '../../src/engine/engine.js'

// The model that ships with Millrace, held to grammars: whatever it would rather say, the answer fits.

const folder = fileURLToPath(new URL('../../models/millrace-demo', import.meta.url))
const messages = [{ role: 'user' as const, content: 'What is the capital of Norway?' }]

const person: Constraint = {
  type: 'jsonSchema',
  schema: { type: 'object', properties: { name: { type: 'string', maxLength: 12 }, age: { type: 'integer', minimum: 0, maximum: 130 } }, required: ['name', 'age'] }
}

t.setTimeout(120_000)

const engine = await Engine.load(folder, { deterministic: true })
t.teardown(async () => { await engine.close() })

function isPerson (text: string): boolean {
  const { name, age, ...others } = JSON.parse(text)
  return typeof name === 'string' && [...name].length <= 12 && Number.isInteger(age) && age >= 0 && age <= 130 && Object.keys(others).length === 0
}

t.test('answers fit their constraint, each of several choices on its own way', async t => {
  const { choices } = await engine.chat({ messages, constraint: person, n: 4, temperature: 1.5, seed: 7, maxTokens: 200 }).result()
  for (const { text, finishReason } of choices) {
    t.equal(finishReason, 'stop')
    t.ok(isPerson(text), text)
  }
  t.ok(new Set(choices.map(({ text }) => text)).size > 1, 'the choices differ')
})

t.test('constrained and free requests run in the same steps, and the free ones are as they are alone', async t => {
  const free = { messages, temperature: 0, maxTokens: 40 }
  const alone = await engine.chat(free).result()
  const [together, held] = await Promise.all([
    engine.chat(free).result(),
    engine.chat({ messages, temperature: 0, constraint: { type: 'choice', choices: ['yes', 'no', 'perhaps'] } }).result()
  ])
  t.equal(together.choices[0]!.text, alone.choices[0]!.text)
  t.ok(['yes', 'no', 'perhaps'].includes(held.choices[0]!.text), held.choices[0]!.text)
})

t.test('an answer that is preempted goes on within its constraint', async t => {
  const small = await Engine.load(folder, { maxModelLen: 256, kvCacheMemory: 1_300_000 })
  const constraint: Constraint = { type: 'regex', pattern: '([a-z]{1,8} ){40}end' }
  const results = await Promise.all([1, 2, 3, 4, 5, 6].map(async seed => await small.chat({ messages, constraint, temperature: 1, seed }).result()))
  for (const { choices: [choice] } of results) {
    if (choice!.finishReason === 'stop') t.match(choice!.text, /^([a-z]{1,8} ){40}end$/)
    else t.match(choice!.text, /^([a-z]{1,8} )*[a-z]{0,8}$/, choice!.finishReason)
  }
  t.ok(small.stats().preemptions > 0, `${small.stats().preemptions} preemptions`)
  await small.close()
})

t.test('an answer that its maximum cuts ends with length', async t => {
  const { choices: [choice] } = await engine.chat({ messages, constraint: person, maxTokens: 3, temperature: 0 }).result()
  t.equal(choice!.finishReason, 'length')
})

t.test('what a constraint cannot be kept beside is refused by name', async t => {
  await t.rejects(engine.chat({ messages, constraint: person, ignoreEos: true }).result(), { code: 'ERR_INVALID_PARAMETER', param: 'ignoreEos' })
  await t.rejects(engine.chat({ messages, constraint: person, minTokens: 2 }).result(), { code: 'ERR_INVALID_PARAMETER', param: 'minTokens' })
  const wrong = { type: 'jsonSchema', schema: { properties: { a: { type: 'string', not: {} } } } } as const
  await t.rejects(engine.chat({ messages, constraint: wrong }).result(), { param: 'constraint.schema.properties.a.not', code: 'ERR_INVALID_PARAMETER' })
  await t.rejects(engine.chat({ messages, constraint: { type: 'regexp' } as never }).result(), { code: 'ERR_INVALID_PARAMETER', param: 'constraint.type' })
})

t.test('a logit bias that forbids everything else leaves what the constraint allows', async t => {
  const ids = await engine.tokenize('no')
  const logitBias = Object.fromEntries([...ids].map(id => [id, -100]))
  const { choices: [choice] } = await engine.chat({ messages, constraint: { type: 'choice', choices: ['no'] }, logitBias, temperature: 0 }).result()
  t.equal(choice!.text, 'no')
})

t.test('an ambiguous grammar fails its own request, and nobody else\'s', async t => {
  const ambiguous: Constraint = { type: 'regex', pattern: `(${Array.from({ length: 60 }, () => '([a-z]?){90}').join('|')}){50}` }
  const [free, held, hostile] = await Promise.allSettled([
    engine.chat({ messages, temperature: 0, maxTokens: 30 }).result(),
    engine.chat({ messages, constraint: person, temperature: 1, seed: 1, maxTokens: 200 }).result(),
    engine.chat({ messages, constraint: ambiguous, temperature: 1, seed: 1, maxTokens: 200 }).result()
  ])
  t.equal(free.status, 'fulfilled')
  t.ok(held.status === 'fulfilled' && isPerson(held.value.choices[0]!.text))
  t.match(hostile, { status: 'rejected', reason: { statusCode: 400 } })
  const { choices: [after] } = await engine.chat({ messages, constraint: person, temperature: 1, seed: 2, maxTokens: 200 }).result()
  t.ok(isPerson(after!.text))
  t.equal(engine.stats().kv.usedBlocks, 0, 'no block is lost')
})

t.test('texts, special tokens and schemas combine into one form', async t => {
  const constraint: Constraint = {
    type: 'sequence',
    parts: [
      { type: 'text', text: '<tool_call>\n{"name": "' },
      { type: 'anyOf', parts: [
        { type: 'sequence', parts: [{ type: 'text', text: 'age", "arguments": ' }, person] },
        { type: 'text', text: 'now", "arguments": {}' }
      ] },
      { type: 'text', text: '}\n</tool_call>' }
    ]
  }
  const { choices } = await engine.chat({ messages, constraint, n: 3, temperature: 1, seed: 3, maxTokens: 200 }).result()
  for (const { text } of choices) {
    const call = /^<tool_call>\n(.*)\n<\/tool_call>$/s.exec(text)?.[1]
    t.ok(['age', 'now'].includes(JSON.parse(call!).name), text)
  }
})
