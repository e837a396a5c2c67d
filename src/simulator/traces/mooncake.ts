import { prefixIdTokens, type TraceRequest } from '../trace-request.js'
import { duration, requiredNumber, tokenCount } from './fields.js'
import type { TraceRecord } from './records.js'
import { TraceError } from './trace-error.js'

/** Mooncake's traces: JSON by line with timestamp (ms), input_length, output_length, hash_ids (one for each 512 tokens). */
export function isMooncake ({ fields }: TraceRecord): boolean {
  return 'input_length' in fields
}

export function readMooncakeRecord (record: TraceRecord): TraceRequest {
  const promptTokens = Math.max(1, requiredNumber(record, 'input_length', tokenCount))
  return {
    arrivalMs: requiredNumber(record, 'timestamp', duration),
    promptTokens,
    outputTokens: Math.max(1, requiredNumber(record, 'output_length', tokenCount)),
    prefixIds: readIds(record, promptTokens)
  }
}

function readIds ({ line, fields }: TraceRecord, promptTokens: number): readonly number[] {
  const ids = fields['hash_ids']
  if (!Array.isArray(ids) || !ids.every(id => Number.isSafeInteger(id))) throw new TraceError(line, 'hash_ids', 'must be a list of whole numbers.')
  const wanted = Math.ceil(promptTokens / prefixIdTokens)
  if (ids.length === wanted) return ids as number[]
  throw new TraceError(line, 'hash_ids', `has ${ids.length} ids; ${promptTokens} tokens are ${wanted} blocks of ${prefixIdTokens}.`)
}
