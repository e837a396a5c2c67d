import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import t from 'tap'
import { compileConstraint } from '../../src/grammar/compile.js'
import { Random, testSeed } from '../support/random.js'
import { babble, fits } from './support.js'

const constraintOf = (schema: object | boolean) => ({ type: 'jsonSchema' as const, schema: schema as Record<string, unknown> })
const ajv = new Ajv2020({ strict: false, allErrors: false })
addFormats.default(ajv)

const text = (value: unknown): string => JSON.stringify(value)

t.test('random answers to random schemas are JSON that an independent validator takes', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  let complete = 0
  for (let i = 0; i < 60; i++) {
    const schema = randomSchema(random, 3)
    const validate = ajv.compile(schema)
    for (let j = 0; j < 3; j++) {
      const answer = babble(constraintOf(schema), random, 300)
      if (answer === undefined) continue
      complete++
      const value = JSON.parse(answer)
      if (!validate(value)) t.fail(`${answer} does not fit ${JSON.stringify(schema)}: ${ajv.errorsText(validate.errors)}`)
    }
  }
  t.ok(complete > 60, `${complete} of 180 answers came to their end`)
})

function randomSchema (random: Random, depth: number): Record<string, unknown> {
  const kinds = ['string', 'integer', 'number', 'boolean', 'null', 'enum', 'const', 'format', ...depth > 0 ? ['object', 'object', 'array', 'anyOf', 'types', 'tuple'] : []]
  const inner = (): Record<string, unknown> => randomSchema(random, depth - 1)
  const bounds = (low: string, high: string, from: number, to: number): Record<string, unknown> => {
    const [a, b] = [random.integer(from, to), random.integer(from, to)].sort((x, y) => x - y)
    return { ...random.chance(0.5) ? { [low]: a } : {}, ...random.chance(0.5) ? { [high]: b } : {} }
  }
  const kind = random.pick(kinds)
  switch (kind) {
    case 'string': return { type: kind, ...random.chance(0.3) ? { pattern: random.pick(['^[a-c]{1,3}$', 'x"y', '^\\d+\\\\', '[^a]$', 'é|日']) } : bounds('minLength', 'maxLength', 0, 8) }
    case 'integer': return { type: kind, ...bounds('minimum', 'maximum', -1200, 1200) }
    case 'number': {
      const [a, b] = [random.uniform(-30, 30), random.uniform(-30, 30)].map(value => Number(value.toFixed(random.integer(0, 3)))).sort((x, y) => x - y)
      return { type: kind, ...random.chance(0.5) ? { minimum: a } : { exclusiveMinimum: Math.floor(a! - 1) }, ...random.chance(0.5) ? { maximum: b } : { exclusiveMaximum: Math.ceil(b! + 1) } }
    }
    case 'enum': return { enum: ['a', 'ab', 'a"b', 1, null, { x: [1, 'y'] }, []].slice(0, random.integer(1, 7)) }
    case 'const': return { const: random.pick([{ a: { b: [] } }, 'é\n', -1.5, true]) }
    case 'format': return { type: 'string', format: random.pick(['date', 'time', 'date-time', 'duration', 'uuid', 'ipv4', 'ipv6', 'hostname', 'email', 'uri']) }
    case 'anyOf': return { anyOf: [inner(), inner()] }
    case 'types': return { type: ['string', 'array', 'null'], minItems: 1, items: inner(), maxLength: 5 }
    case 'array': return { type: kind, items: inner(), ...bounds('minItems', 'maxItems', 0, 4) }
    case 'tuple': return { type: 'array', prefixItems: [inner(), inner()], items: random.chance(0.5) ? false : inner(), minItems: random.integer(0, 2), maxItems: random.integer(2, 4) }
    case 'object': {
      const names = ['a', 'ab', 'b"c', 'é', 'name'].filter(() => random.chance(0.6))
      return {
        type: kind,
        properties: Object.fromEntries(names.map(name => [name, inner()])),
        required: names.filter(() => random.chance(0.5)),
        ...random.chance(0.3) ? { additionalProperties: random.chance(0.5) ? { type: 'integer' } : false } : {}
      }
    }
    default: return { type: kind }
  }
}

t.test('values fit as the schema says', async t => {
  const cases: ReadonlyArray<readonly [object | boolean, readonly string[], readonly string[]]> = [
    [true, ['1', '"a"', '{"a": [null, -1.5e-3]}', '[]', '[[],\n  {}]'], ['', '01', '{a:1}', '[1,]', 'nul', '1 ']],
    [{ type: 'integer', minimum: -12, maximum: 305 }, ['-12', '-1', '0', '9', '99', '305'], ['-13', '306', '1000', '00', '1.0', '-0']],
    [{ type: 'integer', exclusiveMinimum: 9, exclusiveMaximum: 11 }, ['10'], ['9', '11']],
    [{ type: 'number', minimum: 0.25, exclusiveMaximum: 1.5 }, ['0.25', '0.3', '1', '1.0', '1.499'], ['0.2', '0.249', '1.5', '1.50', '2', '0']],
    [{ type: 'number', exclusiveMinimum: -1, maximum: 0 }, ['-0.5', '0', '-0.99', '0.0'], ['-1', '-1.0', '0.1']],
    [{ type: 'string', minLength: 2, maxLength: 3 }, ['"ab"', '"é日😀"', '"\\n\\u00e9"'], ['"a"', '"abcd"', '"\\ud83d\\ude00a"']],
    [{ type: 'string', pattern: 'b+"' }, [text('ab"c'), text('b"')], [text('b'), text('a"')]],
    [{ enum: ['a', 1, { b: [2] }] }, ['"a"', '1', '{"b": [2]}', '{"b":[2]}'], ['"b"', '{"b":[]}', '2']],
    [{ type: 'integer', enum: ['a', 1] }, ['1'], ['"a"']],
    [{ properties: { a: true, b: { type: 'null' } }, required: ['b'] }, ['{"b":null}', '{"a":1,"b":null}', '{ "a": {}, "b": null }'], ['{}', '{"a":1}', '{"b":null,"c":1}', '{"b":null,"a":1}']],
    [{ properties: { ab: { type: 'null' } }, additionalProperties: { type: 'integer' } }, ['{}', '{"a":1}', '{"ab":null,"abc":2,"b":3}', '{"aa":1}'], ['{"ab":1}', '{"ab":null,"ab":1}', '{"\\u0061b":1}', '{"a":null}']],
    [{ type: 'object', required: ['x'], additionalProperties: { type: 'integer' } }, ['{"x":1}', '{"x":1,"y":2}'], ['{}', '{"y":2}']],
    [{ type: 'array', prefixItems: [{ const: 1 }, { const: 2 }], items: { const: 3 }, minItems: 1, maxItems: 3 }, ['[1]', '[1, 2]', '[1,2,3]'], ['[]', '[2]', '[1,2,3,3]']],
    [{ $defs: { tree: { type: 'object', properties: { left: { $ref: '#/$defs/tree' }, value: { type: 'integer' } }, required: ['value'] } }, $ref: '#/$defs/tree' },
      ['{"value":1}', '{"left":{"left":{"value":1},"value":2},"value":3}'], ['{"left":{}}', '{"left":{"value":1}}']],
    [{ oneOf: [{ type: 'string' }, { type: 'integer' }] }, ['"a"', '1'], ['null']],
    [{ type: 'string', nullable: true, maxLength: 1 }, ['null', '"a"'], ['"ab"']],
    [{ anyOf: [{ type: 'object', properties: { t: { const: 'a' }, x: { type: 'integer' } }, required: ['t', 'x'] }, { type: 'object', properties: { t: { const: 'ab' } }, required: ['t'] }] },
      ['{"t":"a","x":1}', '{"t":"ab"}'], ['{"t":"a"}', '{"t":"ab","x":1}']]
  ]
  for (const [schema, right, wrong] of cases) {
    for (const value of right) t.ok(fits(constraintOf(schema), value), `${value} fits ${JSON.stringify(schema)}`)
    for (const value of wrong) t.notOk(fits(constraintOf(schema), value), `${value} does not fit ${JSON.stringify(schema)}`)
  }
})

t.test('what cannot be kept is refused with its name and place', async t => {
  const cases: ReadonlyArray<readonly [object, string, RegExp]> = [
    [{ properties: { a: { type: 'string', not: {} } } }, 'schema.properties.a.not', /keyword not is not supported/],
    [{ items: { uniqueItems: true, type: 'array' } }, 'schema.items.uniqueItems', /uniqueItems/],
    [{ type: 'integer', multipleOf: 3 }, 'schema.multipleOf', /multipleOf/],
    [{ typ: 'string' }, 'schema.typ', /typ is not supported.*type/],
    [{ type: 'strin' }, 'schema.type', /There is no type "strin"/],
    [{ type: 'string', minLength: -1 }, 'schema.minLength', /whole number/],
    [{ type: 'string', minLength: 3, maxLength: 2 }, 'schema.minLength', /above maxLength/],
    [{ type: 'string', pattern: '(' }, 'schema.pattern', /"\)" is expected/],
    [{ type: 'string', pattern: 'a', maxLength: 3 }, 'schema.maxLength', /beside pattern/],
    [{ type: 'string', format: 'odd' }, 'schema.format', /format "odd" is not supported/],
    [{ anyOf: [{ type: 'string' }], type: 'string' }, 'schema.type', /beside anyOf/],
    [{ oneOf: [{ type: 'string' }, { type: 'string', maxLength: 2 }] }, 'schema.oneOf', /oneOf is supported only/],
    [{ allOf: [{}, {}] }, 'schema.allOf', /allOf with more than one/],
    [{ $ref: 'http://example.com/schema' }, 'schema.$ref', /nothing else is ever fetched/],
    [{ $ref: '#/$defs/missing' }, 'schema.$ref', /no place/],
    [{ properties: { a: 3 } }, 'schema.properties.a', /must be an object/],
    [{ type: 'object', properties: { a: {} }, required: ['b'] }, 'schema.required', /required names "b"/],
    [{ type: 'integer', pattern: 'a' }, 'schema.pattern', /no meaning for the type integer/],
    [{ anyOf: [] }, 'schema.anyOf', /a list/]
  ]
  for (const [schema, path, message] of cases) {
    try {
      compileConstraint(constraintOf(schema), {}, 8)
      t.fail(`${JSON.stringify(schema)} was taken`)
    } catch (error) {
      t.match(error, { path, message }, JSON.stringify(schema))
    }
  }
  t.throws(() => compileConstraint(constraintOf({ $ref: '#' }), {}, 8), /begin with itself/)
  t.throws(() => compileConstraint(constraintOf({ type: 'object', properties: { a: { $ref: '#' } }, required: ['a'] }), {}, 8), /No text can fit/)
  t.throws(() => compileConstraint(constraintOf(false), {}, 8), /No text can fit/)
})

t.test('a hostile schema is refused in time, or costs no more than its size', async t => {
  let nested: object = {}
  for (let i = 0; i < 150; i++) nested = { anyOf: [nested, { type: 'array', items: nested }] }
  const hostile: ReadonlyArray<readonly [string, object]> = [
    ['schemas within each other', nested],
    ['a chain of references', { $defs: Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`d${i}`, i === 4999 ? { type: 'null' } : { anyOf: [{ $ref: `#/$defs/d${i + 1}` }, { type: 'array', items: { $ref: `#/$defs/d${i + 1}` } }] }])), $ref: '#/$defs/d0' }],
    ['references back and forth', { $defs: { a: { anyOf: [{ $ref: '#/$defs/b' }, { $ref: '#/$defs/b' }] }, b: { anyOf: [{ $ref: '#/$defs/a' }, { type: 'null' }] } }, $ref: '#/$defs/a' }],
    ['repetitions within repetitions', { type: 'array', maxItems: 90_000, minItems: 90_000, items: { type: 'array', maxItems: 90_000, minItems: 90_000, items: { type: 'string', maxLength: 90_000 } } }],
    ['many properties', { type: 'object', properties: Object.fromEntries(Array.from({ length: 15_000 }, (_, i) => [`p${i}`, { type: 'string' }])) }],
    ['a large enum', { enum: Array.from({ length: 9_000 }, (_, i) => `value ${i} `.repeat(20)) }],
    ['patterns', { type: 'string', pattern: '^(a|b)*a(a|b){15,4000}(a|b){4000}$' }],
    ['a pattern of repeated groups', { type: 'string', pattern: '(((a{0,500}){0,500}){0,500}){0,500}' }]
  ]
  for (const [name, schema] of hostile) {
    const started = performance.now()
    try {
      fits(constraintOf(schema), '"aaaaaaaaaa')
      t.pass(`${name}: taken`)
    } catch (error) {
      t.match((error as Error).name, /^Grammar(Work)?Error$/, `${name}: ${(error as Error).message.slice(0, 100)}`)
    }
    const ms = performance.now() - started
    t.comment(`${name}: ${ms.toFixed(0)} ms`)
    t.ok(ms < 20_000, name)
  }
})

t.test('the branches of oneOf may differ in a property with listed values, also behind references', async t => {
  const branch = (kinds: string[]): object => ({ type: 'object', properties: { kind: { enum: kinds } }, required: ['kind'] })
  const shared = { $defs: { a: { enum: ['a', 'b'] }, b: { enum: ['c'] } } }
  const referring = (name: string): object => ({ type: 'object', properties: { kind: { $ref: `#/$defs/${name}` } }, required: ['kind'] })
  for (const [schema, isTaken] of [
    [{ oneOf: [branch(['a', 'b']), branch(['c'])] }, true],
    [{ oneOf: [branch(['a', 'b']), branch(['b'])] }, false],
    [{ ...shared, properties: { x: { oneOf: [referring('a'), referring('b')] } } }, true],
    [{ ...shared, properties: { x: { oneOf: [referring('a'), referring('b'), referring('a')] } } }, false],
    [{ oneOf: [{ const: 1 }, { enum: [2, 3] }, { type: 'string' }] }, true]
  ] as const) {
    const compile = (): unknown => compileConstraint(constraintOf(schema), {}, 8)
    if (isTaken) t.doesNotThrow(compile, JSON.stringify(schema))
    else t.throws(compile, { message: /oneOf is supported only/ }, JSON.stringify(schema))
  }
})

t.test('schemas whose parts could be compared with each other in pairs take no longer than their size', async t => {
  const values = (from: number): string[] => Array.from({ length: 450 }, (_, i) => (from * 450 + i).toString(36))
  const sets = Array.from({ length: 90 }, (_, i) => ({ enum: [...Array.from({ length: 900 }, (_, j) => (i * 900 + j).toString(36)), 'last'] }))
  const names = Array.from({ length: 80 }, (_, i) => `p${i}`)
  const schemas: object[] = [
    { oneOf: Array.from({ length: 200 }, (_, i) => ({ enum: values(i) })) },
    {
      $defs: Object.fromEntries(sets.map((set, i) => [`s${i}`, set])),
      oneOf: Array.from({ length: 200 }, (_, i) => ({
        type: 'object', required: [...names, 'id'], properties: { ...Object.fromEntries(names.map((name, j) => [name, { $ref: `#/$defs/s${(i + j) % 90}` }])), id: { const: i } }
      }))
    },
    { type: 'object', properties: Object.fromEntries(Array.from({ length: 15_000 }, (_, i) => [`q${i}`, {}])), required: Array.from({ length: 15_000 }, (_, i) => `q${14_999 - i}`) }
  ]
  for (const [i, schema] of schemas.entries()) {
    const before = process.cpuUsage().user
    try {
      compileConstraint(constraintOf(schema), {}, 8)
    } catch (error) {
      t.match(error, { message: /more than/ }, `schema ${i} is refused for its size`)
    }
    const ms = (process.cpuUsage().user - before) / 1000
    t.ok(ms < 2500, `schema ${i} takes ${ms.toFixed(0)} ms of processor time`)
  }
})
