import { GrammarError } from '../errors.js'
import { call, either, openRule, sequence, text, words, type Expression, type Rule } from '../expression.js'
import { anyArray, anyInteger, anyNumber, anyObject, anyValue, braces, blank, comma } from '../json-rules.js'
import { integersWithin, numbersWithin, type Bounds } from '../number-ranges.js'
import { areDistinct } from './distinct.js'
import { at, checkKeywords, combiners, keywordsOf, typeNames, wholeNumber, type SchemaObject, type TypeName } from './keywords.js'
import { objectOf, type Property } from './objects.js'
import { readString } from './strings.js'

/** Of schemas within schemas; `$ref` begins anew. */
const maxDepth = 100
const maxSchemas = 20_000
const maxEnumValues = 10_000

/** What JSON values fit the schema. Keywords that cannot be kept are refused by name, never ignored. */
export function readJsonSchema (schema: unknown): Rule {
  return new SchemaReader(schema).read()
}

class SchemaReader {
  readonly #root: unknown
  readonly #referred = new Map<unknown, Rule>()
  /** Rules whose schema is still to be read. */
  readonly #open: Array<() => void> = []
  #numSchemas = 0

  constructor (root: unknown) {
    this.#root = root
  }

  read (): Rule {
    const rule = this.#ruleOf(this.#root, '')
    for (let next = this.#open.pop(); next !== undefined; next = this.#open.pop()) next()
    return rule
  }

  /** One rule for each place that is referred to; so schemas may contain themselves. */
  #ruleOf (schema: unknown, path: string): Rule {
    let rule = this.#referred.get(schema)
    if (rule === undefined) {
      const opened = openRule(path === '' ? 'the schema' : path)
      this.#referred.set(schema, rule = opened)
      this.#open.push(() => { opened.body = this.#readSchema(schema, path, 0) })
    }
    return rule
  }

  #readSchema (schema: unknown, path: string, depth: number): Expression {
    if (++this.#numSchemas > maxSchemas) throw new GrammarError(`The schema has more than ${maxSchemas} schemas in it.`, path)
    if (depth > maxDepth) throw new GrammarError(`The schema has schemas within schemas deeper than ${maxDepth}.`)
    if (schema === true) return call(anyValue)
    if (schema === false) return either()
    if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) throw new GrammarError('A schema must be an object, true or false.', path)
    const known = schema as SchemaObject
    const keywords = checkKeywords(known, path)
    const combiner = combiners.find(name => keywords.includes(name))
    const body = combiner === undefined ? this.#readTypes(known, keywords, path, depth) : this.#readCombiner(known, combiner, keywords, path, depth)
    return known.nullable === true ? either(body, text('null')) : body
  }

  #readCombiner (schema: SchemaObject, combiner: typeof combiners[number], keywords: readonly string[], path: string, depth: number): Expression {
    const isValue = combiner === 'enum' || combiner === 'const'
    const beside = keywords.find(name => name !== combiner && name !== 'nullable' && !(isValue && name === 'type'))
    if (beside !== undefined) throw new GrammarError(`${beside} beside ${combiner} is not supported. Put it into each of the schemas that it is meant for.`, at(path, beside))
    const value = schema[combiner]
    switch (combiner) {
      case '$ref': return call(this.#refer(value, at(path, '$ref')))
      case 'const': return values([value], schema, path)
      case 'enum': return values(list(value, at(path, 'enum'), maxEnumValues), schema, path)
      case 'allOf': return this.#readAllOf(value, at(path, 'allOf'), depth)
      case 'oneOf': case 'anyOf': return this.#readEither(value, combiner, path, depth)
    }
  }

  #readEither (value: unknown, combiner: 'oneOf' | 'anyOf', path: string, depth: number): Expression {
    const schemas = list(value, at(path, combiner))
    if (combiner === 'oneOf' && !areDistinct(schemas, schema => this.#resolved(schema))) {
      throw new GrammarError('oneOf is supported only where its schemas differ in type, or in a required property with const or enum. Use anyOf.', at(path, combiner))
    }
    return either(...schemas.map((schema, i) => this.#readSchema(schema, at(at(path, combiner), i), depth + 1)))
  }

  #readAllOf (value: unknown, path: string, depth: number): Expression {
    const schemas = list(value, path)
    if (schemas.length > 1) throw new GrammarError('allOf with more than one schema is not supported. Put them together into one.', path)
    return this.#readSchema(schemas[0], at(path, 0), depth + 1)
  }

  #refer (reference: unknown, path: string): Rule {
    const { schema, place } = this.#lookUp(reference, path)
    return this.#ruleOf(schema, place)
  }

  /** A schema behind references, for looking at it. */
  #resolved (schema: unknown): unknown {
    let found = schema
    for (let i = 0; i < maxDepth; i++) {
      if (typeof found !== 'object' || found === null || (found as SchemaObject).$ref === undefined) return found
      found = this.#lookUp((found as SchemaObject).$ref, '$ref').schema
    }
    return found
  }

  #lookUp (reference: unknown, path: string): { schema: unknown, place: string } {
    if (typeof reference !== 'string' || !/^#(\/|$)/.test(reference)) {
      throw new GrammarError('$ref must lead to a place within the schema, such as "#/$defs/item"; nothing else is ever fetched.', path)
    }
    let schema = this.#root
    let place = ''
    for (const part of reference.slice(2).split('/').filter(part => part !== '')) {
      const name = decodePointer(part)
      const isThere = typeof schema === 'object' && schema !== null && Object.hasOwn(schema, name)
      if (!isThere) throw new GrammarError(`The schema has no place ${reference.slice(0, 200)}.`, path)
      schema = (schema as SchemaObject)[name]
      place = at(place, name)
    }
    return { schema, place }
  }

  #readTypes (schema: SchemaObject, keywords: readonly string[], path: string, depth: number): Expression {
    const types = typesOf(schema, keywords, path)
    if (types === undefined) return call(anyValue)
    for (const name of keywords) {
      const isOfType = name === 'type' || name === 'nullable' || types.some(type => keywordsOf[type].includes(name))
      if (!isOfType) throw new GrammarError(`${name} has no meaning for the type ${types.join(' or ')}.`, at(path, name))
    }
    return either(...types.map(type => this.#readType(type, schema, path, depth)))
  }

  #readType (type: TypeName, schema: SchemaObject, path: string, depth: number): Expression {
    switch (type) {
      case 'object': return this.#readObject(schema, path, depth)
      case 'array': return this.#readArray(schema, path, depth)
      case 'string': return readString(schema, path)
      case 'boolean': return words(['true', 'false'])
      case 'null': return text('null')
      case 'integer': case 'number': return readNumber(type, schema, path)
    }
  }

  #readObject (schema: SchemaObject, path: string, depth: number): Expression {
    const { properties = {}, additionalProperties } = schema
    if (typeof properties !== 'object' || properties === null || Array.isArray(properties)) throw new GrammarError('properties must be an object.', at(path, 'properties'))
    const required = schema.required === undefined ? [] : list(schema.required, at(path, 'required'), maxSchemas, 0)
    const requiredNames = new Set(required)
    const known: Property[] = Object.entries(properties).map(([name, value]) => ({
      name,
      value: this.#readSchema(value, at(at(path, 'properties'), name), depth + 1),
      isRequired: requiredNames.has(name)
    }))
    const isOpen = additionalProperties !== undefined ? additionalProperties !== false : known.length === 0
    const rest = isOpen ? this.#readSchema(additionalProperties ?? true, at(path, 'additionalProperties'), depth + 1) : undefined
    for (const name of requiredNames) {
      if (typeof name !== 'string') throw new GrammarError('required must be a list of names.', at(path, 'required'))
      if (Object.hasOwn(properties, name)) continue
      if (rest === undefined) throw new GrammarError(`required names ${JSON.stringify(name.slice(0, 80))}, which is not among the properties.`, at(path, 'required'))
      known.push({ name, value: rest, isRequired: true })
    }
    if (known.length === 0 && rest !== undefined && isAny(additionalProperties)) return call(anyObject)
    return objectOf(known, rest)
  }

  #readArray (schema: SchemaObject, path: string, depth: number): Expression {
    const min = wholeNumber(schema, 'minItems', path) ?? 0
    const max = wholeNumber(schema, 'maxItems', path) ?? Infinity
    if (min > max) throw new GrammarError(`minItems (${min}) is above maxItems (${max}).`, at(path, 'minItems'))
    if (schema.prefixItems === undefined && isAny(schema.items) && min === 0 && max === Infinity) return call(anyArray)
    const items = (): Expression => this.#ownRule(this.#readSchema(schema.items ?? true, at(path, 'items'), depth + 1))
    const first = schema.prefixItems === undefined ? [] : list(schema.prefixItems, at(path, 'prefixItems'))
      .map((item, i) => this.#readSchema(item, at(at(path, 'prefixItems'), i), depth + 1))
    if (first.length === 0) return braces(items(), min, schema.items === false ? 0 : max, '[', ']')
    return tuple(first, items(), min, schema.items === false ? Math.min(max, first.length) : max)
  }

  /** What is repeated has states of its own once. */
  #ownRule (body: Expression): Expression {
    return call({ name: 'item', body })
  }
}

/** An array whose first items have schemas of their own. */
function tuple (first: readonly Expression[], items: Expression, min: number, max: number): Expression {
  const room = Math.max(0, max - first.length)
  const rest: Expression = { kind: 'repeat', part: sequence(comma(), items), min: Math.max(0, min - first.length), max: room }
  let tail: Expression = room === 0 ? sequence() : rest
  for (let i = Math.min(first.length, max) - 1; i >= 0; i--) {
    const here = sequence(...i === 0 ? [] : [comma()], first[i]!, tail)
    tail = i < min ? here : either(here, sequence())
  }
  return sequence(text('['), call(blank), tail, call(blank), text(']'))
}

function readNumber (type: 'integer' | 'number', schema: SchemaObject, path: string): Expression {
  const bound = (name: string): number | undefined => {
    const value = schema[name]
    if (value !== undefined && typeof value !== 'number') throw new GrammarError(`${name} must be a number.`, at(path, name))
    return value
  }
  const [minimum, maximum] = [bound('minimum') ?? -Infinity, bound('maximum') ?? Infinity]
  const [above, below] = [bound('exclusiveMinimum') ?? -Infinity, bound('exclusiveMaximum') ?? Infinity]
  const bounds: Bounds = { low: Math.max(minimum, above), high: Math.min(maximum, below), isLowExcluded: above >= minimum, isHighExcluded: below <= maximum }
  if (bounds.low === -Infinity && bounds.high === Infinity) return call(type === 'integer' ? anyInteger : anyNumber)
  if (bounds.low > bounds.high) throw new GrammarError(`No number is ${bounds.low} or more and ${bounds.high} or less.`, path)
  if (type === 'integer') return integersWithin(bounds)
  const within = numbersWithin(bounds)
  if (within === undefined) throw new GrammarError('Bounds of numbers can have 15 digits before the point and 15 after it.', path)
  return within
}

function typesOf (schema: SchemaObject, keywords: readonly string[], path: string): readonly TypeName[] | undefined {
  if (schema.type === undefined) {
    const implied = typeNames.filter(type => keywordsOf[type].some(name => keywords.includes(name)))
    // Bounds of numbers do not make them whole.
    return implied.length === 0 ? undefined : implied.filter(type => type !== 'integer')
  }
  const types = Array.isArray(schema.type) ? list(schema.type, at(path, 'type'), typeNames.length) : [schema.type]
  for (const type of types) {
    if (!typeNames.includes(type as TypeName)) throw new GrammarError(`There is no type ${JSON.stringify(type)?.slice(0, 80)}; types are ${typeNames.join(', ')}.`, at(path, 'type'))
  }
  return types as TypeName[]
}

/** One of the values, those of another type than the schema's left out. */
function values (list: readonly unknown[], schema: SchemaObject, path: string): Expression {
  const types = schema.type === undefined ? undefined : typesOf(schema, ['type'], path)
  const fitting = types === undefined ? list : list.filter(value => types.some(type => isOfType(value, type)))
  const scalars = fitting.filter(value => typeof value !== 'object' || value === null).map(value => JSON.stringify(value))
  const composed = fitting.filter(value => typeof value === 'object' && value !== null).map(value => literal(value, 0))
  return either(words(scalars), ...composed)
}

/** An array or object as it is, with the blanks that may stand in it. */
function literal (value: unknown, depth: number): Expression {
  if (depth > maxDepth) throw new GrammarError(`A value is nested deeper than ${maxDepth}.`)
  if (Array.isArray(value)) return tuple(value.map(item => literal(item, depth + 1)), either(), value.length, value.length)
  if (typeof value !== 'object' || value === null) return text(JSON.stringify(value))
  return objectOf(Object.entries(value).map(([name, item]) => ({ name, value: literal(item, depth + 1), isRequired: true })), undefined)
}

function isOfType (value: unknown, type: TypeName): boolean {
  switch (type) {
    case 'null': return value === null
    case 'array': return Array.isArray(value)
    case 'object': return typeof value === 'object' && value !== null && !Array.isArray(value)
    case 'integer': return Number.isInteger(value)
    default: return typeof value === type
  }
}

function isAny (schema: unknown): boolean {
  return schema === undefined || schema === true
}

/** @throws GrammarError unless it is a list of `min` to `max` */
function list (value: unknown, path: string, max = maxSchemas, min = 1): readonly unknown[] {
  if (!Array.isArray(value) || value.length < min || value.length > max) throw new GrammarError(`It must be a list of ${min} to ${max}.`, path)
  return value
}

function decodePointer (part: string): string {
  const unescaped = part.replaceAll('~1', '/').replaceAll('~0', '~')
  try {
    return decodeURIComponent(unescaped)
  } catch {
    return unescaped
  }
}
