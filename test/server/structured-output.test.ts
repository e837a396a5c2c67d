import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { InvalidParameterError } from '../../src/core/errors.js'
import { Engine } from '../../src/engine/engine.js'
import { FakeEngine } from '../support/fake-engine.js'
import { injectable } from '../support/http.js'
import { loadTinyEngine } from '../support/tiny-engine.js'

const chat = '/v1/chat/completions'
const good = { model: 'fake', messages: [{ role: 'user', content: 'x' }] }
const schema = { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'] }
const named = (fields: object = {}) => ({ response_format: { type: 'json_schema', json_schema: { name: 'answer', schema, strict: true, ...fields } } })

function checkError (t: Test, answer: { statusCode: number, body: string }, status: number, error: object): void {
  t.equal(answer.statusCode, status, answer.body.slice(0, 300))
  t.match(JSON.parse(answer.body), { error: { type: 'invalid_request_error', ...error } })
}

const spellings: ReadonlyArray<readonly [object, object | undefined]> = [
  [{ response_format: { type: 'text' } }, undefined],
  [{ response_format: { type: 'json_object' } }, { type: 'jsonObject' }],
  [named(), { type: 'jsonSchema', schema }],
  [named({ strict: false, description: 'x' }), { type: 'jsonSchema', schema }],
  [{ structured_outputs: { json: schema } }, { type: 'jsonSchema', schema }],
  [{ structured_outputs: { json: JSON.stringify(schema) } }, { type: 'jsonSchema', schema }],
  [{ structured_outputs: { json_object: true } }, { type: 'jsonObject' }],
  [{ structured_outputs: { regex: 'a+' } }, { type: 'regex', pattern: 'a+' }],
  [{ structured_outputs: { choice: ['a', 'b'] } }, { type: 'choice', choices: ['a', 'b'] }],
  [{ structured_outputs: { grammar: 'root ::= "a"' } }, { type: 'grammar', ebnf: 'root ::= "a"' }],
  [{ guided_json: schema }, { type: 'jsonSchema', schema }],
  [{ guided_regex: 'a+' }, { type: 'regex', pattern: 'a+' }],
  [{ guided_choice: ['a'] }, { type: 'choice', choices: ['a'] }],
  [{ guided_grammar: 'root ::= "a"' }, { type: 'grammar', ebnf: 'root ::= "a"' }],
  [{ json_schema: schema }, { type: 'jsonSchema', schema }],
  [{ grammar: 'root ::= "a"' }, { type: 'grammar', ebnf: 'root ::= "a"' }],
  [{ regex: 'a+' }, { type: 'regex', pattern: 'a+' }],
  [{ ebnf: 'root ::= "a"' }, { type: 'grammar', ebnf: 'root ::= "a"' }],
  [{ structured_outputs: {}, guided_json: null, response_format: null }, undefined]
]

t.test('every spelling of a constraint reaches the engine as the same one, on both endpoints', async t => {
  const engine = new FakeEngine()
  const { app } = await injectable(t, engine)
  for (const [fields, constraint] of spellings) {
    const answer = await app.inject({ method: 'POST', url: chat, payload: { ...good, ...fields } })
    t.equal(answer.statusCode, 200, `${JSON.stringify(fields)}: ${answer.body}`)
    t.equal(answer.headers['x-millrace-ignored-fields'], undefined)
    t.same(engine.chats.at(-1)!.constraint, constraint)
    const completion = await app.inject({ method: 'POST', url: '/v1/completions', payload: { model: 'fake', prompt: 'x', ...fields } })
    t.equal(completion.statusCode, 200)
    t.same(engine.completions.at(-1)!.constraint, constraint)
  }
})

t.test('text.format constrains a response, and the response has it', async t => {
  const engine = new FakeEngine()
  const { app } = await injectable(t, engine)
  const send = async (fields: object) => await app.inject({ method: 'POST', url: '/v1/responses', payload: { model: 'fake', input: 'x', ...fields } })
  const format = { type: 'json_schema', name: 'answer', schema }
  const answer = await send({ text: { format } })
  t.same(answer.json().text.format, format)
  t.same(engine.chats.at(-1)!.constraint, { type: 'jsonSchema', schema })
  await send({ text: { format: { type: 'json_object' } } })
  t.same(engine.chats.at(-1)!.constraint, { type: 'jsonObject' })
  t.equal((await send({ text: { format: { type: 'text' }, verbosity: 'low' } })).statusCode, 200)
  t.equal(engine.chats.at(-1)!.constraint, undefined)
  checkError(t, await send({ text: { format }, regex: 'a' }), 400, { param: 'text.format' })
  checkError(t, await send({ response_format: { type: 'json_object' } }), 400, { param: 'response_format' })
})

t.test('forms that are not whole are refused with their place', async t => {
  const { app } = await injectable(t, new FakeEngine())
  const cases: ReadonlyArray<readonly [object, string]> = [
    [{ response_format: { type: 'poem' } }, 'response_format.type'],
    [{ response_format: 3 }, 'response_format'],
    [{ response_format: { type: 'json_schema' } }, 'response_format.json_schema'],
    [{ response_format: { type: 'json_schema', json_schema: { name: 'a' } } }, 'response_format.json_schema.schema'],
    [{ response_format: { type: 'json_schema', json_schema: { schema } } }, 'response_format.json_schema.name'],
    [named({ name: 'no blanks' }), 'response_format.json_schema.name'],
    [named({ name: '' }), 'response_format.json_schema.name'],
    [named({ name: 'x'.repeat(65) }), 'response_format.json_schema.name'],
    [{ structured_outputs: { structural_tag: '{}' } }, 'structured_outputs'],
    [{ guided_choice: [] }, 'guided_choice'],
    [{ guided_json: '{' }, 'guided_json'],
    [{ guided_regex: 'a', guided_choice: ['a'] }, 'guided_choice'],
    [{ ...named(), structured_outputs: { regex: 'a' } }, 'structured_outputs.regex'],
    [{ structured_outputs: { regex: 'a', choice: ['a'] } }, 'structured_outputs.choice']
  ]
  for (const [fields, param] of cases) checkError(t, await app.inject({ method: 'POST', url: chat, payload: { ...good, ...fields } }), 400, { param })
  const tools = [{ type: 'function', function: { name: 'weather' } }]
  checkError(t, await app.inject({ method: 'POST', url: chat, payload: { ...good, ...named(), tools } }), 400, { param: 'tools', code: 'unsupported_parameter' })
  t.equal((await app.inject({ method: 'POST', url: chat, payload: { ...good, ...named(), tools, tool_choice: 'none' } })).statusCode, 200)
})

t.test('what the engine finds wrong is named by the request\'s own fields, and schemas keep their spelling', async t => {
  const constraintError = new InvalidParameterError('constraint.schema.properties.camelCase.minLength', 'constraint.schema.properties.camelCase.minLength: minLength must be a whole number.')
  const { app } = await injectable(t, new FakeEngine({ constraintError }))
  checkError(t, await app.inject({ method: 'POST', url: chat, payload: { ...good, ...named() } }), 400, {
    param: 'response_format.json_schema.schema.properties.camelCase.minLength',
    message: /^response_format\.json_schema\.schema\.properties\.camelCase\.minLength: minLength must/
  })
  const own = { param: 'guided_json.properties.camelCase.minLength', message: /^guided_json\.properties\.camelCase\.minLength: / }
  for (const stream of [false, true]) {
    const fields = { guided_json: schema, stream }
    checkError(t, await app.inject({ method: 'POST', url: chat, payload: { ...good, ...fields } }), 400, own)
    checkError(t, await app.inject({ method: 'POST', url: '/v1/completions', payload: { model: 'fake', prompt: ['x', 'y'], ...fields } }), 400, own)
    checkError(t, await app.inject({ method: 'POST', url: '/v1/responses', payload: { model: 'fake', input: 'x', ...fields } }), 400, own)
    const text = { format: { type: 'json_schema', name: 'answer', schema } }
    checkError(t, await app.inject({ method: 'POST', url: '/v1/responses', payload: { model: 'fake', input: 'x', text, stream } }), 400, { param: 'text.format.schema.properties.camelCase.minLength' })
  }
})

t.test('a request that admission refuses costs no reading of its constraint', async t => {
  const engine = await loadTinyEngine()
  t.teardown(async () => { await engine.close() })
  const { app } = await injectable(t, engine)
  const send = async (prompt: readonly number[]) => await app.inject({ method: 'POST', url: '/v1/completions', payload: { model: engine.modelName, prompt, guided_regex: '[a-z]{3}', max_tokens: 2 } })
  checkError(t, await send(Array<number>(engine.info.options.maxModelLen + 1).fill(1)), 400, { code: 'context_length_exceeded' })
  t.equal(engine.metrics().constraints.compiled, 0)
  t.equal((await send([1])).statusCode, 200)
  t.equal(engine.metrics().constraints.compiled, 1)
})

t.test('with the embedded model, answers fit, streamed too, and hostile schemas cost their sender an error in time', async t => {
  const engine = await Engine.load(fileURLToPath(new URL('../../models/millrace-demo', import.meta.url)))
  const { app } = await injectable(t, engine)
  const ask = async (fields: object) => await app.inject({ method: 'POST', url: chat, payload: { ...good, model: engine.modelName, temperature: 1, seed: 1, max_tokens: 60, ...fields } })
  const answer = (await ask(named())).json()
  t.ok(Number.isInteger(JSON.parse(answer.choices[0].message.content).a), answer.choices[0].message.content)
  t.equal(answer.choices[0].finish_reason, 'stop')
  const streamed = await ask({ structured_outputs: { choice: ['yes', 'no'] }, stream: true })
  const text = streamed.body.split('\n').filter(line => line.startsWith('data: {')).map(line => JSON.parse(line.slice(6)).choices[0].delta.content ?? '').join('')
  t.ok(['yes', 'no'].includes(text), text)

  let deep: object = { type: 'string' }
  for (let i = 0; i < 120; i++) deep = { type: 'array', items: deep }
  const hostile: ReadonlyArray<readonly [object, string]> = [
    [named({ schema: deep }), 'response_format.json_schema.schema'],
    [named({ schema: { type: 'object', properties: { a: { type: 'no-such-type' } } } }), 'response_format.json_schema.schema.properties.a.type'],
    [named({ schema: { properties: { a: { type: 'string', not: {} } } } }), 'response_format.json_schema.schema.properties.a.not'],
    [named({ schema: { $ref: '#' } }), 'response_format.json_schema.schema'],
    [named({ schema: { enum: Array.from({ length: 20_000 }, (_, i) => `value ${i}`) } }), 'response_format.json_schema.schema.enum'],
    [named({ schema: { const: 'x'.repeat(1_100_000) } }), 'response_format.json_schema.schema'],
    [{ guided_regex: '((a{1000}){1000}){1000}' }, 'guided_regex'],
    [{ guided_regex: '(?=a)b' }, 'guided_regex'],
    [{ guided_grammar: 'root ::= root "a" | "b"' }, 'guided_grammar'],
    [{ ...named(), ignore_eos: true }, 'ignore_eos']
  ]
  const others = Promise.all([1, 2, 3].map(async seed => await ask({ ...named(), seed })))
  for (const [fields, param] of hostile) {
    const started = performance.now()
    checkError(t, await ask(fields), 400, { param })
    t.ok(performance.now() - started < 15_000, `in ${(performance.now() - started).toFixed(0)} ms`)
  }
  for (const other of await others) t.ok(Number.isInteger(JSON.parse(other.json().choices[0].message.content).a), 'others are not touched')
  await engine.close()
})
