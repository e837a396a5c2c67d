import { didYouMean } from '../../core/suggest.js'
import { GrammarError } from '../errors.js'

export type SchemaObject = Readonly<Record<string, unknown>>

export const typeNames = ['object', 'array', 'string', 'number', 'integer', 'boolean', 'null'] as const
export type TypeName = typeof typeNames[number]

/** They say nothing of what a value may be. */
const annotations = new Set(['title', 'description', 'default', 'example', 'examples', '$comment', '$schema', '$id', 'id', '$anchor', '$defs',
  'definitions', 'deprecated', 'readOnly', 'writeOnly', 'contentEncoding', 'contentMediaType', 'discriminator', 'externalDocs', 'xml'])

/** What decides of values of a type, and of those only. */
export const keywordsOf: Readonly<Record<TypeName, readonly string[]>> = {
  object: ['properties', 'required', 'additionalProperties'],
  array: ['items', 'prefixItems', 'minItems', 'maxItems'],
  string: ['minLength', 'maxLength', 'pattern', 'format'],
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
  integer: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
  boolean: [],
  null: []
}

/** Each decides alone. */
export const combiners = ['$ref', 'const', 'enum', 'anyOf', 'oneOf', 'allOf'] as const
const others = ['type', 'nullable']

const supported = [...new Set([...Object.values(keywordsOf).flat(), ...combiners, ...others])]

/** In JSON Schema, and not here, with what to do instead. */
const unsupported: Readonly<Record<string, string>> = {
  not: 'Say what is allowed instead.',
  if: 'Use anyOf.',
  then: 'Use anyOf.',
  else: 'Use anyOf.',
  patternProperties: 'Use properties, or additionalProperties with a schema.',
  propertyNames: 'Use properties.',
  minProperties: 'Use required.',
  maxProperties: 'Use properties with additionalProperties false.',
  dependentRequired: 'Use anyOf.',
  dependentSchemas: 'Use anyOf.',
  dependencies: 'Use anyOf.',
  unevaluatedProperties: 'Use additionalProperties.',
  unevaluatedItems: 'Use items.',
  additionalItems: 'Use prefixItems and items.',
  contains: 'Use items.',
  minContains: 'Use items.',
  maxContains: 'Use items.',
  uniqueItems: 'Leave it out, and check the answer.',
  multipleOf: 'Leave it out, and check the answer.',
  $dynamicRef: 'Use $ref.',
  $dynamicAnchor: 'Use $defs.',
  $recursiveRef: 'Use $ref.'
}

/** Values of unsupported keywords that ask for nothing. */
function isHarmless (name: string, value: unknown, schema: SchemaObject): boolean {
  switch (name) {
    case 'uniqueItems': return value === false || (typeof schema.maxItems === 'number' && schema.maxItems <= 1)
    case 'multipleOf': return value === 1 && schema.type === 'integer'
    case 'minProperties': return value === 0
    case 'unevaluatedProperties': case 'unevaluatedItems': return value === true
    default: return false
  }
}

/** Refuses by name what is not supported. Returns the names of the keywords that decide something. */
export function checkKeywords (schema: SchemaObject, path: string): string[] {
  const deciding: string[] = []
  for (const name of Object.keys(schema)) {
    if (annotations.has(name) || name.startsWith('x-')) continue
    if (supported.includes(name)) deciding.push(name)
    else if (!isHarmless(name, schema[name], schema)) {
      const remedy = Object.hasOwn(unsupported, name) ? `${unsupported[name]}` : `It is no keyword of JSON Schema that is known here.${didYouMean(name, supported)}`
      throw new GrammarError(`The keyword ${shortened(name)} is not supported. ${remedy}`, at(path, name))
    }
  }
  return deciding
}

export function at (path: string, name: string | number): string {
  if (typeof name === 'number') return `${path}[${name}]`
  return path === '' ? shortened(name) : `${path}.${shortened(name)}`
}

function shortened (name: string): string {
  return name.length > 80 ? `${name.slice(0, 80)}...` : name
}

/** @throws GrammarError */
export function wholeNumber (schema: SchemaObject, name: string, path: string): number | undefined {
  const value = schema[name]
  if (value === undefined) return undefined
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw new GrammarError(`${name} must be a whole number, 0 or more.`, at(path, name))
  return value as number
}
