import fc from 'fast-check'
import { fits, placesOf, withValue, type JsonSchema, type Path, type Place } from './json-schema.js'

/** A body with one thing wrong. */
export interface BrokenBody {
  readonly what: string
  /** JSON, or bytes that are none. */
  readonly text: string | Buffer
  /** It must be refused, and `param` be one of these; undefined = it may be answered too. */
  readonly params: readonly Path[] | undefined
}

/** One way to break a certain body; made when it is chosen, since some are large. */
interface Breakage {
  readonly kind: string
  readonly make: () => BrokenBody
}

/** Bodies that are broken in one place. */
export function brokenBodies (schema: JsonSchema, bodies: fc.Arbitrary<object>): fc.Arbitrary<BrokenBody> {
  return fc.tuple(bodies, fc.nat(), fc.nat()).map(([body, kind, which]) => {
    const all = breakagesOf(schema, body)
    // Each kind as often as the others: there are many places, and few ways to damage a text.
    const kinds = [...new Set(all.map(one => one.kind))]
    const candidates = all.filter(one => one.kind === kinds[kind % kinds.length])
    return candidates[which % candidates.length]!.make()
  })
}

function breakagesOf (schema: JsonSchema, body: object): Breakage[] {
  const breaker = { schema, body }
  const broken = placesOf(schema, body).flatMap(place => [
    ...otherTypes(breaker, place), ...missing(breaker, place), ...outOfBounds(breaker, place), ...oversized(breaker, place), ...strangeKeys(breaker, place), ...deep(breaker, place)
  ])
  return [...broken, ...damagedTexts(JSON.stringify(body))]
}

interface Breaker {
  readonly schema: JsonSchema
  readonly body: object
}

/** Whether it must be refused is what the schema says, by another validator than the server's. */
function replaced (kind: string, { schema, body }: Breaker, { path, params }: Pick<Place, 'path' | 'params'>, value: () => unknown): Breakage {
  return {
    kind,
    make: () => {
      const changed = withValue(body, path, value())
      return { what: `${kind} at ${path.join('.')}`, text: JSON.stringify(changed), params: fits(schema, withoutNulls(changed)) ? undefined : params }
    }
  }
}

/** Null counts as not given, of the body's own fields. */
function withoutNulls (body: unknown): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null))
}

const otherValues = ['x', '', '1', 7, -1, 1e308, true, [], [[]], {}, { length: 1 }, null]

function otherTypes (breaker: Breaker, place: Place): Breakage[] {
  return otherValues.map(value => replaced('another type', breaker, place, () => value))
}

function missing (breaker: Breaker, { schema, value, path, params }: Place): Breakage[] {
  if (typeof value !== 'object' || value === null) return []
  const { required = [] } = schema.anyOf?.find(branch => fits(branch, value)) ?? schema
  return required.map(key => replaced('nothing', breaker, { path: [...path, key], params: [...params, [...path, key]] }, () => undefined))
}

function outOfBounds (breaker: Breaker, place: Place): Breakage[] {
  const { minimum = 0, exclusiveMinimum = 0, maximum = 0, type } = place.schema
  if (type !== 'integer' && type !== 'number') return []
  const values = [minimum, minimum - 1, minimum * 2, exclusiveMinimum, maximum, maximum + 1, maximum * 2, 0.5, 2 ** 53 + 2, -0, 5e-324]
  return values.map(value => replaced('another number', breaker, place, () => value))
}

function oversized (breaker: Breaker, place: Place): Breakage[] {
  const { schema, value } = place
  const { maxLength = 100_000, maxItems = 2000, maxProperties } = schema.anyOf?.find(one => fits(one, value)) ?? schema
  if (typeof value === 'string') return [replaced('a long text', breaker, place, () => 'x'.repeat(maxLength + 1))]
  if (Array.isArray(value)) return value.length === 0 ? [] : [replaced('a long list', breaker, place, () => new Array<unknown>(Math.min(maxItems, 20_000) + 1).fill(value[0]))]
  if (maxProperties === undefined) return []
  return [replaced('many keys', breaker, place, () => Object.fromEntries(Array.from({ length: maxProperties + 1 }, (_, i) => [String(i), Object.values(value as object)[0] ?? 1])))]
}

/** Taken by name where they are looked up in an object without a thought; the parser refuses some at once. */
const strangeNames = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '__defineGetter__', 'then', 'toJSON', 'valueOf', '', 'a.b', 'a[0]', '\ud800']
const refusedByParser = ['__proto__', 'constructor']

function strangeKeys (breaker: Breaker, place: Place): Breakage[] {
  const { value } = place
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return []
  return strangeNames.map(name => {
    const breakage = replaced('a strange key', breaker, place, () => Object.fromEntries([...Object.entries(value), [name, { prototype: 1 }]]))
    return refusedByParser.includes(name) ? { ...breakage, make: () => ({ ...breakage.make(), params: undefined }) } : breakage
  })
}

/** Written as a text: JSON.stringify has a stack too. */
function deep ({ body }: Breaker, { path }: Place): Breakage[] {
  const marker = 'deep-place'
  return [100, 198, 201, 50_000].flatMap(depth => ([['[', ']'], ['{"a":', '}']] as const).map(([open, close]) => ({
    kind: 'deep nesting',
    make: () => {
      const text = JSON.stringify(withValue(body, path, marker)).replace(`"${marker}"`, () => `${open.repeat(depth)}1${close.repeat(depth)}`)
      return { what: `${depth} levels at ${path.join('.')}`, text, params: undefined }
    }
  })))
}

/** What is wrong with the bytes themselves. */
function damagedTexts (json: string): Breakage[] {
  const middle = Math.floor(json.length / 2)
  const [head, tail] = [json.slice(0, middle), json.slice(middle)]
  const numbers = (text: string): string => json.replace(/-?\d+(\.\d+)?/g, text)
  const texts: ReadonlyArray<readonly [string, string | Buffer]> = [
    ['cut off', head], ['nothing', ''], ['blanks', ' \n'], ['twice', json + json], ['a comma too many', json.replace(/\}$/, ',}')],
    ['a byte order mark', `\ufeff${json}`], ['NUL', `${head}\0${tail}`], ['a raw line end', `${head}\n${tail}`], ['single quotes', json.replaceAll('"', '\'')],
    ['UTF-16', Buffer.from(json, 'utf16le')],
    ['bytes that are no UTF-8', Buffer.concat([Buffer.from(head), Buffer.from([0xff, 0xc0, 0x80, 0xed, 0xa0]), Buffer.from(tail)])],
    ['infinite numbers', numbers('1e999')], ['tiny numbers', numbers('1e-400')], ['minus zeros', numbers('-0')], ['long numbers', numbers('9'.repeat(5000))], ['NaN', numbers('NaN')],
    ['a key twice', json.replace(/^\{/, '{"model":1,"model":"x","max_tokens":2,')], ['a list around it', `[${json}]`], ['a text around it', JSON.stringify(json)],
    ['null', 'null'], ['true', 'true']
  ]
  return texts.map(([what, text]) => ({ kind: 'damaged text', make: () => ({ what, text, params: undefined }) }))
}
