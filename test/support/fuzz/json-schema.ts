import { Check } from 'typebox/schema'

/** The part of JSON schema that the served document uses. */
export interface JsonSchema {
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly JsonSchema[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly patternProperties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean
  readonly maxProperties?: number
  readonly items?: JsonSchema
  readonly minItems?: number
  readonly maxItems?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
}

export type Path = ReadonlyArray<string | number>

/** A value within a body, and the schema that it has to keep. */
export interface Place {
  readonly path: Path
  readonly schema: JsonSchema
  readonly value: unknown
  /** Paths that an error about it may name: its own, and those of unions around it, whose branches are not told apart. */
  readonly params: readonly Path[]
}

export const fits = (schema: JsonSchema, value: unknown): boolean => Check(schema, value)

/** All values of a body that its schema speaks of, the body itself first. */
export function placesOf (schema: JsonSchema, value: unknown, path: Path = [], around: readonly Path[] = []): Place[] {
  const params = schema.anyOf === undefined ? around : [...around, path]
  const place = { path, schema, value, params: [...params, path] }
  return [place, ...childrenOf(schema, value).flatMap(({ key, schema: child, value: inner }) => placesOf(child, inner, [...path, key], params))]
}

interface Child {
  readonly key: string | number
  readonly schema: JsonSchema
  readonly value: unknown
}

function childrenOf (schema: JsonSchema, value: unknown): Child[] {
  if (schema.anyOf !== undefined) {
    const branch = schema.anyOf.find(one => fits(one, value))
    return branch === undefined ? [] : childrenOf(branch, value)
  }
  if (Array.isArray(value)) return schema.items === undefined ? [] : value.map((item, key) => ({ key, schema: schema.items!, value: item }))
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => {
    const child = propertySchema(schema, key)
    return child === undefined ? [] : [{ key, schema: child, value: inner as unknown }]
  })
}

function propertySchema ({ properties = {}, patternProperties = {} }: JsonSchema, key: string): JsonSchema | undefined {
  if (Object.hasOwn(properties, key)) return properties[key]
  return Object.entries(patternProperties).find(([pattern]) => new RegExp(pattern, 'u').test(key))?.[1]
}

/** A copy of the body with another value in one place; `undefined` takes the key away. */
export function withValue (body: unknown, [key, ...rest]: Path, value: unknown): unknown {
  if (key === undefined) return value
  if (Array.isArray(body)) return body.map((item, i) => i === key ? withValue(item, rest, value) : item as unknown)
  const entries = Object.entries(body as object).filter(([name]) => name !== key || rest.length > 0 || value !== undefined)
  if (rest.length === 0 && value !== undefined && !Object.hasOwn(body as object, key)) entries.push([String(key), undefined])
  return Object.fromEntries(entries.map(([name, inner]) => [name, name === key ? withValue(inner, rest, value) : inner as unknown]))
}

/** `messages[0].content` and its path in one form, to compare them. */
export const pathText = (path: Path | string): string => (typeof path === 'string' ? path.split(/[.[\]]+/).filter(part => part !== '') : path).join('.')
