import type { FastifySchemaValidationError } from 'fastify'
import t from 'tap'
import { describeValidation } from '../../src/server/validation-message.js'

function error (instancePath: string, keyword: string, params: Record<string, unknown>, data?: unknown): FastifySchemaValidationError {
  return { instancePath, keyword, params, schemaPath: '', message: '', data, parentSchema: { title: 'one of two things' } } as FastifySchemaValidationError
}

const notMeant = error('/format/type', 'enum', { allowedValues: ['text'] }, 'json_schema')
const notNull = error('/format', 'type', { type: 'null' })
const union = error('/format', 'anyOf', {})

t.test('a branch whose type is the given one is what was meant, and what it lacks is named', async t => {
  t.same(describeValidation([notMeant, error('/format', 'required', { missingProperty: 'name' }), notNull, union]), { param: 'format.name', message: 'format.name is required.' })
  t.match(describeValidation([notMeant, error('/format/schema', 'type', { type: 'object' }, 5), notNull, union]), { param: 'format.schema' })
})

t.test('a type that no branch has is answered with what the union takes', async t => {
  const other = error('/format/type', 'enum', { allowedValues: ['json_schema'] }, 'xml')
  t.same(describeValidation([notMeant, other, notNull, union]), { param: 'format', message: 'format must be one of two things.' })
})
