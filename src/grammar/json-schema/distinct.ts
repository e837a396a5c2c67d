import { typeNames, type SchemaObject } from './keywords.js'

/** Whether no value can fit two of the schemas, as far as that can be seen at once. */
export function areDistinct (schemas: readonly unknown[], resolve: (schema: unknown) => unknown): boolean {
  const resolved = schemas.map(resolve)
  // Pairs are as many as the square; long lists must differ in one property.
  if (resolved.length > 200) return false
  return resolved.every((a, i) => resolved.slice(i + 1).every(b => differ(a, b, resolve)))
}

function differ (a: unknown, b: unknown, resolve: (schema: unknown) => unknown): boolean {
  if (a === false || b === false) return true
  if (!isObject(a) || !isObject(b)) return false
  const [left, right] = [typesOf(a), typesOf(b)]
  if (left.every(type => !right.includes(type))) return true
  const [leftValues, rightValues] = [valuesOf(a), valuesOf(b)]
  if (leftValues !== undefined && rightValues !== undefined) return leftValues.every(value => !rightValues.includes(value))
  return left.length === 1 && right.length === 1 && left[0] === 'object' && differInProperty(a, b, resolve)
}

/** A property that both must have, with values of its own in each. */
function differInProperty (a: SchemaObject, b: SchemaObject, resolve: (schema: unknown) => unknown): boolean {
  if (!isObject(a.properties) || !isObject(b.properties)) return false
  const [left, right] = [a.properties, b.properties]
  return requiredOf(a).filter(name => requiredOf(b).includes(name)).some(name => {
    const [one, other] = [left[name], right[name]].map(schema => valuesOf(resolve(schema)))
    return one !== undefined && other !== undefined && one.every(value => !other.includes(value))
  })
}

/** As JSON; undefined when they are not listed. */
function valuesOf (schema: unknown): readonly string[] | undefined {
  if (!isObject(schema)) return undefined
  if (schema.const !== undefined) return [JSON.stringify(schema.const)]
  return Array.isArray(schema.enum) && schema.enum.length <= 1000 ? schema.enum.map(value => JSON.stringify(value)) : undefined
}

/** Of the values that may fit; a whole number is a number. */
function typesOf (schema: SchemaObject): readonly string[] {
  if (schema.nullable === true) return typeNames
  if (schema.type === undefined) return valuesOf(schema)?.map(typeOfJson) ?? typeNames
  const types = Array.isArray(schema.type) ? schema.type as unknown[] : [schema.type]
  return types.flatMap(type => type === 'integer' || type === 'number' ? ['number', 'integer'] : [String(type)])
}

function typeOfJson (value: string): string {
  switch (value[0]) {
    case '"': return 'string'
    case '{': return 'object'
    case '[': return 'array'
    case 'n': return 'null'
    case 't': case 'f': return 'boolean'
    default: return 'number'
  }
}

function requiredOf ({ required }: SchemaObject): readonly string[] {
  return Array.isArray(required) ? required.slice(0, 1000) as string[] : []
}

function isObject (value: unknown): value is SchemaObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
