import { typeNames, type SchemaObject } from './keywords.js'

/** What tells a schema from others. */
interface Traits {
  /** Nothing fits it. */
  readonly isNever: boolean
  readonly types: readonly string[]
  /** As JSON; undefined when they are not listed. */
  readonly values: ReadonlySet<string> | undefined
  /** Of the properties that it requires, where they are listed. */
  readonly propertyValues: ReadonlyMap<string, ReadonlySet<string>>
}

/** Pairs are as many as the square; longer lists are not looked through. */
const maxSchemas = 200
const maxListed = 1000

/** Whether no value can fit two of the schemas, as far as that can be seen at once. */
export function areDistinct (schemas: readonly unknown[], resolve: (schema: unknown) => unknown): boolean {
  if (schemas.length > maxSchemas) return false
  const reader = new TraitsReader(resolve)
  const disjoint = new Disjointness()
  const traits = schemas.map(schema => reader.read(schema))
  return traits.every((a, i) => traits.slice(i + 1).every(b => differ(a, b, disjoint)))
}

function differ (a: Traits, b: Traits, disjoint: Disjointness): boolean {
  if (a.isNever || b.isNever) return true
  if (a.types.every(type => !b.types.includes(type))) return true
  if (a.values !== undefined && b.values !== undefined) return disjoint.areDisjoint(a.values, b.values)
  // A property that both must have, with values of its own in each.
  for (const [name, values] of a.propertyValues) {
    const others = b.propertyValues.get(name)
    if (others !== undefined && disjoint.areDisjoint(values, others)) return true
  }
  return false
}

/** Remembers what was compared: schemas may refer to the same lists again and again. */
class Disjointness {
  readonly #known = new Map<ReadonlySet<string>, Map<ReadonlySet<string>, boolean>>()

  areDisjoint (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
    let known = this.#known.get(a)
    if (known === undefined) this.#known.set(a, known = new Map<ReadonlySet<string>, boolean>())
    let answer = known.get(b)
    if (answer === undefined) known.set(b, answer = haveNothingInCommon(a, b))
    return answer
  }
}

function haveNothingInCommon (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  const [fewer, more] = a.size < b.size ? [a, b] : [b, a]
  for (const value of fewer) if (more.has(value)) return false
  return true
}

class TraitsReader {
  readonly #resolve: (schema: unknown) => unknown
  readonly #values = new Map<SchemaObject, ReadonlySet<string> | undefined>()

  constructor (resolve: (schema: unknown) => unknown) {
    this.#resolve = resolve
  }

  read (given: unknown): Traits {
    const schema = this.#resolve(given)
    if (!isObject(schema)) return { isNever: schema === false, types: typeNames, values: undefined, propertyValues: new Map() }
    const values = this.#valuesOf(schema)
    const types = typesOf(schema, values)
    const isOnlyObject = types.length === 1 && types[0] === 'object'
    return { isNever: false, types, values, propertyValues: isOnlyObject ? this.#propertyValues(schema) : new Map() }
  }

  #propertyValues ({ properties, required }: SchemaObject): Map<string, ReadonlySet<string>> {
    const found = new Map<string, ReadonlySet<string>>()
    if (!isObject(properties) || !Array.isArray(required)) return found
    for (const name of new Set(required.slice(0, maxListed) as unknown[])) {
      if (typeof name !== 'string' || !Object.hasOwn(properties, name)) continue
      const values = this.#valuesOf(this.#resolve(properties[name]))
      if (values !== undefined) found.set(name, values)
    }
    return found
  }

  #valuesOf (schema: unknown): ReadonlySet<string> | undefined {
    if (!isObject(schema)) return undefined
    if (!this.#values.has(schema)) this.#values.set(schema, listedValues(schema))
    return this.#values.get(schema)
  }
}

function listedValues (schema: SchemaObject): ReadonlySet<string> | undefined {
  if (schema.const !== undefined) return new Set([JSON.stringify(schema.const)])
  return Array.isArray(schema.enum) && schema.enum.length <= maxListed ? new Set(schema.enum.map(value => JSON.stringify(value))) : undefined
}

/** Of the values that may fit; a whole number is a number. */
function typesOf (schema: SchemaObject, values: ReadonlySet<string> | undefined): readonly string[] {
  if (schema.nullable === true) return typeNames
  if (schema.type === undefined) return values === undefined ? typeNames : [...new Set([...values].map(typeOfJson))]
  const types = Array.isArray(schema.type) ? schema.type.slice(0, typeNames.length) as unknown[] : [schema.type]
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

function isObject (value: unknown): value is SchemaObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
