import t from 'tap'
import { operationsOf, type Operation } from '../support/fuzz/api-requests.js'
import { fits, pathText, withValue, type JsonSchema, type Path } from '../support/fuzz/json-schema.js'
import { FakeEngine } from '../support/fake-engine.js'
import { injectable } from '../support/http.js'
import { loadTinyEngine } from '../support/tiny-engine.js'

t.setTimeout(300_000)

interface NumericField {
  readonly path: Path
  readonly schema: JsonSchema
  /** Of unions around it, which an error may name instead. */
  readonly unions: readonly Path[]
}

/** Every number that a body can have, found in its schema. */
function numericFields (schema: JsonSchema, path: Path = [], unions: readonly Path[] = []): NumericField[] {
  if (schema.anyOf !== undefined) return schema.anyOf.flatMap(branch => numericFields(branch, path, [...unions, path]))
  if (schema.type === 'integer' || schema.type === 'number') return [{ path, schema, unions }]
  return [
    ...Object.entries(schema.properties ?? {}).flatMap(([key, child]) => numericFields(child, [...path, key], unions)),
    ...Object.values(schema.patternProperties ?? {}).flatMap(child => numericFields(child, [...path, '7'], unions)),
    ...schema.items === undefined ? [] : numericFields(schema.items, [...path, 0], unions)
  ]
}

const least: Readonly<Record<string, object>> = {
  'POST /v1/chat/completions': { messages: [{ role: 'user', content: 'a' }], max_tokens: 1 },
  'POST /v1/completions': { prompt: 'a', max_tokens: 1 },
  'POST /v1/responses': { input: 'a', max_output_tokens: 1, store: false },
  'POST /v1/embeddings': { input: 'a' },
  'POST /tokenize': { prompt: 'a' },
  'POST /detokenize': { tokens: [] }
}
/** What a field needs beside it. */
const companions: Readonly<Record<string, object>> = {
  'POST /v1/chat/completions top_logprobs': { logprobs: true },
  'POST /v1/responses top_logprobs': { include: ['message.output_text.logprobs'] },
  'POST /v1/completions max_tokens': { echo: true }
}

/** As JSON has them, or not. */
function texts ({ maximum = 1000 }: JsonSchema): string[] {
  return ['-1', '0', '-0', String(maximum), String(maximum + 1), String(maximum * 2), '9007199254740993', '1e308', '-1e308', '5e-324', '0.5', '1e999', '-1e999', '"1"', '"NaN"', 'true', '[]']
}

/** A body that has the field, and none of the values that the table is about. */
function textOf (operation: Operation, { path }: NumericField, model: string, value: string): string {
  const marker = 'the-value'
  const body = { model, ...least[operation.name], ...companions[`${operation.name} ${path[0]}`] }
  const [first, ...rest] = path
  const nested = rest.reduceRight<unknown>((inner, key) => typeof key === 'number' ? [inner] : { [key]: inner }, marker)
  return JSON.stringify({ ...body, [first!]: nested }).replace(`"${marker}"`, () => value)
}

/** The request reached the engine with this number in it. */
function arrived (engine: FakeEngine, answer: string, value: number): boolean {
  const seen = new Set<unknown>()
  JSON.stringify([engine.chats.at(-1), engine.completions.at(-1), engine.embeds.at(-1)], (key, inner: unknown) => {
    if (key !== 'signal') seen.add(inner)
    return key === 'signal' ? undefined : typeof inner === 'bigint' ? String(inner) : inner
  })
  // All of the vocabulary is written as 0; seeds have 64 bits.
  const spellings = [value, value === -1 ? 0 : value, ...Number.isInteger(value) ? [BigInt.asIntN(64, BigInt(value))] : []]
  return spellings.some(spelling => seen.has(spelling)) || answer.includes(`<${value}>`)
}

for (const [name, makeEngine] of [['an engine that takes everything', async () => new FakeEngine()], ['a real one', async () => await loadTinyEngine()]] as const) {
  t.test(`every number of every body is honoured, or refused by name, with ${name}`, async t => {
    const engine = await makeEngine()
    const { app } = await injectable(t, engine)
    if (!(engine instanceof FakeEngine)) t.teardown(async () => { await engine.close() })
    const operations = operationsOf((await app.inject('/openapi.json')).json()).filter(({ body }) => body !== undefined)
    t.same(operations.map(operation => operation.name).sort(), Object.keys(least).sort(), 'the table has every endpoint with a body')
    let [answered, refused] = [0, 0]
    for (const operation of operations) {
      for (const field of numericFields(operation.body!)) {
        for (const value of [...texts(field.schema), 'NaN', 'Infinity']) {
          const label = `${operation.name}: ${pathText(field.path)} = ${value}`
          const payload = textOf(operation, field, engine.modelName, value)
          const { statusCode, body } = await app.inject({ method: 'POST', url: operation.path, headers: { 'content-type': 'application/json' }, payload })
          if (statusCode === 200) {
            answered++
            const number = Number(value)
            if (!fits(operation.body!, JSON.parse(payload))) t.fail(`${label} is answered, and does not fit`)
            if (engine instanceof FakeEngine && !Number.isNaN(number) && fits(field.schema, JSON.parse(value)) && !arrived(engine, body, number)) t.fail(`${label} is answered, and the engine does not know of it`)
            continue
          }
          refused++
          const { param, code, message } = JSON.parse(body).error as { param: string | null, code: string, message: string }
          const named = value === 'NaN' || value === 'Infinity'
            ? code === 'ERR_MALFORMED_REQUEST'
            : [field.path, ...field.unions].map(pathText).includes(pathText(param ?? ''))
          if (statusCode !== 400 || !named) t.fail(`${label}: ${statusCode} ${param}: ${message}`)
          if (engine instanceof FakeEngine && value !== 'NaN' && value !== 'Infinity' && fits(operation.body!, JSON.parse(payload))) t.comment(`refused though it fits: ${label}: ${message}`)
        }
      }
    }
    t.comment(`${answered} answered, ${refused} refused`)
    t.ok(answered > 150 && refused > 500)
  })
}

t.test('a token id that the model has not is named by its place, also in a list of prompts', async t => {
  const engine = await loadTinyEngine()
  t.teardown(async () => { await engine.close() })
  const { app } = await injectable(t, engine)
  for (const [fields, param, message] of [
    [{ prompt: [[1], [2, 320]] }, 'prompt[1][1]', 'prompt[1][1] is 320; token ids of this model are 0 to 319.'],
    [{ prompt: [[1], [2, 320]], stream: true }, 'prompt[1][1]', 'prompt[1][1] is 320; token ids of this model are 0 to 319.'],
    [{ prompt: [1, 320] }, 'prompt[1]', 'prompt[1] is 320; token ids of this model are 0 to 319.'],
    [{ prompt: 'a', stop_token_ids: [1, 320] }, 'stop_token_ids[1]', 'stop_token_ids[1] has the id 320; token ids of this model are 0 to 319.'],
    [{ prompt: 'a', logit_bias: { 320: 1 } }, 'logit_bias.320', 'logit_bias.320 has the id 320; token ids of this model are 0 to 319.']
  ] as const) {
    const { statusCode, body } = await app.inject({ method: 'POST', url: '/v1/completions', payload: { model: engine.modelName, max_tokens: 1, ...fields } })
    t.equal(statusCode, 400)
    t.match(JSON.parse(body).error, { param, message })
  }
})

t.test('the table finds numbers wherever a schema has them', async t => {
  const number = { type: 'number' }
  const schema = { properties: { a: number, b: { anyOf: [{ type: 'null' }, { type: 'array', items: { properties: { c: number } } }] }, d: { patternProperties: { '^[0-9]+$': number } } } }
  t.same(numericFields(schema).map(({ path }) => pathText(path)), ['a', 'b.0.c', 'd.7'])
  t.same(withValue({ a: [{ b: 1 }] }, ['a', 0, 'b'], 2), { a: [{ b: 2 }] })
})
