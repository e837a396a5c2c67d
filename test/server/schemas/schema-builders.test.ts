import t from 'tap'
import { Type as TypeBox } from 'typebox'
import { Type } from '../../../src/server/schemas/schema-builders.js'

/** One schema by each set of builders, with every builder in it. */
function schemaBy (build: typeof Type): unknown {
  return JSON.parse(JSON.stringify(build.Object({
    text: build.String({ minLength: 1 }),
    count: build.Optional(build.Integer({ minimum: 0 })),
    ratio: build.Number(),
    role: build.Enum(['user', 'tool']),
    flag: build.Optional(build.Boolean()),
    either: build.Union([build.String(), build.Null()], { title: 'a text or null' }),
    list: build.Array(build.Object({ a: build.Optional(build.String()) }), { maxItems: 2 }),
    table: build.Record(build.String({ pattern: '^[0-9]$' }), build.Number(), { additionalProperties: false })
  })))
}

t.test('the builders make the schemas that TypeBox makes', async t => {
  t.same(schemaBy(Type), schemaBy(TypeBox))
})

t.test('a schema may be required in one place and optional in another', async t => {
  const text = Type.String()
  const schema = Type.Object({ a: text, b: Type.Optional(text) }) as { required?: readonly string[] }
  t.same(schema.required, ['a'])
})
