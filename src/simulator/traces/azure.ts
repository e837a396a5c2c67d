import type { TraceRequest } from '../trace-request.js'
import { requiredNumber, tokenCount } from './fields.js'
import type { TraceRecord } from './records.js'
import { TraceError } from './trace-error.js'

/** The Azure LLM inference traces of 2023 and 2024: TIMESTAMP,ContextTokens,GeneratedTokens. */
export function isAzure ({ fields }: TraceRecord): boolean {
  return 'TIMESTAMP' in fields
}

/** Requests without prompt or answer, of which there are some, count as of one token. */
export function readAzureRecord (record: TraceRecord, first: TraceRecord): TraceRequest {
  return {
    // To the microsecond: what doubles keep of a date.
    arrivalMs: Math.round((timestampMs(record) - timestampMs(first)) * 1000) / 1000,
    promptTokens: Math.max(1, requiredNumber(record, 'ContextTokens', tokenCount)),
    outputTokens: Math.max(1, requiredNumber(record, 'GeneratedTokens', tokenCount))
  }
}

const format = /^(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[ T]([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(\.\d+)?(?:Z|[+-]00:?00)?$/

/** Ms since 1970 of "2023-11-16 18:17:03.9799600". */
function timestampMs ({ line, fields }: TraceRecord): number {
  const value = fields['TIMESTAMP']
  const match = typeof value === 'string' ? format.exec(value) : null
  if (match === null) {
    throw new TraceError(line, 'TIMESTAMP', `is ${JSON.stringify(value)?.slice(0, 40)}; it must look like 2023-11-16 18:17:03.9799600.`)
  }
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number)
  const ms = Date.UTC(year!, month! - 1, day, hour, minute, second)
  return ms + Number(match[7] ?? 0) * 1000
}
