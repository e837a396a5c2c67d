import { TraceError } from './trace-error.js'
import type { TraceRecord } from './records.js'

/** What a number in a trace may be. */
export interface NumberRange {
  readonly minimum: number
  readonly maximum: number
  readonly isWhole?: boolean
}

/** A hundred million tokens, or as many ms as three years: more is a mistake. */
export const tokenCount: NumberRange = { minimum: 0, maximum: 1e8, isWhole: true }
export const someTokens: NumberRange = { ...tokenCount, minimum: 1 }
export const duration: NumberRange = { minimum: 0, maximum: 1e11 }
export const someTime: NumberRange = { ...duration, minimum: Number.MIN_VALUE }

/** @throws TraceError when it is there and cannot be that */
export function optionalNumber ({ line, fields }: TraceRecord, name: string, range: NumberRange): number | undefined {
  const value = fields[name]
  return value === undefined || value === null ? undefined : checkNumber(line, name, value, range)
}

/** @throws TraceError */
export function requiredNumber (record: TraceRecord, name: string, range: NumberRange): number {
  const value = optionalNumber(record, name, range)
  if (value === undefined) throw new TraceError(record.line, name, 'is missing.')
  return value
}

/** @throws TraceError */
export function checkNumber (line: number, name: string, value: unknown, { minimum, maximum, isWhole }: NumberRange): number {
  const isText = typeof value === 'string' && /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(value)
  const number = typeof value === 'number' ? value : isText ? Number(value) : NaN
  if (number >= minimum && number <= maximum && (isWhole !== true || Number.isInteger(number))) return number
  const least = minimum === Number.MIN_VALUE ? 'above 0' : `at least ${minimum}`
  throw new TraceError(line, name,
    `is ${JSON.stringify(value)?.slice(0, 40)}; it must be a ${isWhole === true ? 'whole ' : ''}number, ${least} and at most ${maximum}.`)
}
