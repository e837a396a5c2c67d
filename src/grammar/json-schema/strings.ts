import { GrammarError } from '../errors.js'
import { call, repeat, sequence, type Expression } from '../expression.js'
import { anyCharacter, anyString, quote, quotedCharacters } from '../json-rules.js'
import { readRegex } from '../regex.js'
import { at, wholeNumber, type SchemaObject } from './keywords.js'

const day = '\\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|1\\d|2[0-8]))'
const time = '(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,9})?(?:Z|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)'
const byte = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
const label = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?'
const group = '[0-9A-Fa-f]{1,4}'

/** Within what the formats allow: no more than that, and less where the rest is odd. */
const formats: Readonly<Record<string, string>> = {
  date: day,
  time,
  'date-time': `${day}T${time}`,
  duration: 'P(?:\\d{1,4}W|(?:\\d{1,4}Y)?(?:\\d{1,4}M)?\\d{1,4}D(?:T\\d{1,4}H(?:\\d{1,4}M)?(?:\\d{1,4}S)?)?|T\\d{1,4}[HMS])',
  uuid: '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}',
  ipv4: `${byte}(?:\\.${byte}){3}`,
  ipv6: `${group}(?::${group}){7}`,
  hostname: `${label}(?:\\.${label}){0,3}`,
  email: `[A-Za-z0-9_+-]{1,32}(?:\\.[A-Za-z0-9_+-]{1,16}){0,2}@${label}(?:\\.${label}){1,3}`,
  uri: `[a-z][a-z0-9+-]{0,15}://${label}(?:\\.${label}){0,3}(?::\\d{2,4})?(?:/[A-Za-z0-9._~-]{0,100}){0,20}(?:\\?[A-Za-z0-9._~=&-]{0,200})?(?:#[A-Za-z0-9._~-]{0,100})?`
}

const shaping = ['pattern', 'format'] as const

export function readString (schema: SchemaObject, path: string): Expression {
  const minLength = wholeNumber(schema, 'minLength', path)
  const maxLength = wholeNumber(schema, 'maxLength', path)
  const shapes = shaping.filter(name => schema[name] !== undefined)
  if (shapes.length === 0) {
    if (minLength === undefined && maxLength === undefined) return call(anyString)
    if (minLength !== undefined && maxLength !== undefined && minLength > maxLength) throw new GrammarError(`minLength (${minLength}) is above maxLength (${maxLength}).`, at(path, 'minLength'))
    return sequence(quote, repeat(anyCharacter, minLength ?? 0, maxLength ?? Infinity), quote)
  }
  const beside = shapes[1] ?? (minLength !== undefined ? 'minLength' : maxLength !== undefined ? 'maxLength' : undefined)
  if (beside !== undefined) throw new GrammarError(`${beside} beside ${shapes[0]!} is not supported. Say both in one pattern.`, at(path, beside))
  return sequence(quote, readRegexOf(shapes[0]!, schema[shapes[0]!], path), quote)
}

function readRegexOf (keyword: 'pattern' | 'format', value: unknown, path: string): Expression {
  if (typeof value !== 'string') throw new GrammarError(`${keyword} must be a text.`, at(path, keyword))
  if (keyword === 'format') {
    if (!Object.hasOwn(formats, value)) throw new GrammarError(`The format ${JSON.stringify(value.slice(0, 80))} is not supported; those that are: ${Object.keys(formats).join(', ')}.`, at(path, keyword))
    return readRegex(formats[value]!, { write: quotedCharacters })
  }
  try {
    return readRegex(value, { isSearch: true, write: quotedCharacters })
  } catch (error) {
    throw error instanceof GrammarError ? new GrammarError(error.message, at(path, keyword)) : error
  }
}
