import { didYouMean } from '../../core/suggest.js'
import type { Slo } from '../../scheduler/sequence.js'
import { defined } from '../defined.js'
import type { TraceRequest, TraceTool } from '../trace-request.js'
import { checkNumber, duration, optionalNumber, requiredNumber, someTime, someTokens, tokenCount, type NumberRange } from './fields.js'
import { readAzureRecord, isAzure } from './azure.js'
import { readMooncakeRecord, isMooncake } from './mooncake.js'
import { readRecords, type TraceRecord } from './records.js'
import { TraceError } from './trace-error.js'

export type TraceFormat = 'millrace' | 'azure' | 'mooncake'

const numbers: Readonly<Record<string, NumberRange>> = {
  arrivalMs: duration,
  promptTokens: someTokens,
  outputTokens: someTokens,
  maxTokens: someTokens,
  priority: { minimum: -1e9, maximum: 1e9, isWhole: true },
  ttftSloMs: someTime,
  tpotSloMs: someTime,
  deadlineMs: someTime,
  rttMs: { minimum: 0, maximum: 60_000 },
  readingTokensPerSec: { minimum: 0.01, maximum: 1e6 },
  predictedTokens: { ...tokenCount, isWhole: false },
  reservedTokens: { ...tokenCount, isWhole: false }
}
const names = [...Object.keys(numbers), 'sessionId', 'tools']
const toolNames = ['tokens', 'durationMs', 'resultTokens', 'name']

/**
 * Reads a trace: CSV with a head, JSON by line, or an array in JSON. Traces of Azure and Mooncake are
 * known by their fields.
 *
 * @throws TraceError with the line and the field
 */
export function readTrace (text: string): TraceRequest[] {
  const records = readRecords(text)
  const first = records[0]
  if (first === undefined) throw new TraceError(1, undefined, 'has no request: the trace is empty.')
  const read = readers[formatOf(first)]
  const trace: TraceRequest[] = []
  for (const record of records) {
    const request = read(record, first)
    const before = trace.at(-1)?.arrivalMs ?? 0
    if (request.arrivalMs < before) {
      throw new TraceError(record.line, arrivalNames[formatOf(first)],
        `is earlier than that of the request above (${request.arrivalMs} ms after ${before} ms); sort the trace by it.`)
    }
    trace.push(request)
  }
  return trace
}

export function formatOf (record: TraceRecord): TraceFormat {
  if (isAzure(record)) return 'azure'
  return isMooncake(record) ? 'mooncake' : 'millrace'
}

const arrivalNames: Readonly<Record<TraceFormat, string>> = { millrace: 'arrivalMs', azure: 'TIMESTAMP', mooncake: 'timestamp' }

const readers: Readonly<Record<TraceFormat, (record: TraceRecord, first: TraceRecord) => TraceRequest>> = {
  millrace: readRecord,
  azure: readAzureRecord,
  mooncake: readMooncakeRecord
}

function readRecord (record: TraceRecord): TraceRequest {
  const { line, fields } = record
  for (const name of Object.keys(fields)) {
    if (!names.includes(name)) throw new TraceError(line, name, `is no field of a trace.${didYouMean(name, names)} There are ${names.join(', ')}.`)
  }
  const number = (name: string): number | undefined => optionalNumber(record, name, numbers[name]!)
  const required = (name: string): number => requiredNumber(record, name, numbers[name]!)
  const request: TraceRequest = defined({
    arrivalMs: required('arrivalMs'),
    promptTokens: required('promptTokens'),
    outputTokens: required('outputTokens'),
    maxTokens: number('maxTokens'),
    priority: number('priority'),
    slo: readSlo(record),
    rttMs: number('rttMs'),
    readingTokensPerSec: number('readingTokensPerSec'),
    sessionId: readSession(record),
    predictedTokens: number('predictedTokens'),
    reservedTokens: number('reservedTokens'),
    tools: readTools(record)
  })
  const { predictedTokens, reservedTokens } = request
  if (predictedTokens !== undefined && reservedTokens !== undefined && reservedTokens < predictedTokens) {
    throw new TraceError(line, 'reservedTokens', `is ${reservedTokens}, less than predictedTokens (${predictedTokens}).`)
  }
  return request
}

function readSlo (record: TraceRecord): Slo | undefined {
  const number = (name: string): number | undefined => optionalNumber(record, name, numbers[name]!)
  const slo = defined({ ttftMs: number('ttftSloMs'), tpotMs: number('tpotSloMs'), deadlineMs: number('deadlineMs') })
  if (slo.ttftMs !== undefined && slo.deadlineMs !== undefined && slo.ttftMs > slo.deadlineMs) {
    throw new TraceError(record.line, 'ttftSloMs', `is ${slo.ttftMs}, later than deadlineMs (${slo.deadlineMs}).`)
  }
  return Object.keys(slo).length === 0 ? undefined : slo
}

function readSession ({ line, fields }: TraceRecord): string | undefined {
  const value = fields['sessionId']
  if (value === undefined || value === null) return undefined
  if (typeof value === 'string' && value.length > 0 && value.length <= 1000) return value
  if (typeof value === 'number' && Number.isFinite(value)) return String(value)
  throw new TraceError(line, 'sessionId', `is ${JSON.stringify(value)?.slice(0, 40)}; it must be a text of 1 to 1000 characters.`)
}

/** In CSV, the list stands as JSON in its cell. */
function readTools ({ line, fields }: TraceRecord): readonly TraceTool[] | undefined {
  const value = fields['tools']
  if (value === undefined || value === null) return undefined
  const tools: unknown = typeof value === 'string' ? parseJson(line, value) : value
  if (!Array.isArray(tools) || tools.length > 1000) throw new TraceError(line, 'tools', 'must be a list of at most 1000 tools.')
  return tools.length === 0 ? undefined : tools.map((tool, i) => readTool(line, `tools[${i}]`, tool))
}

function parseJson (line: number, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new TraceError(line, 'tools', `is ${JSON.stringify(text).slice(0, 40)}; it must be a list in JSON.`)
  }
}

function readTool (line: number, path: string, value: unknown): TraceTool {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TraceError(line, path, `must be an object with ${toolNames.join(', ')}.`)
  }
  const tool = value as Readonly<Record<string, unknown>>
  for (const name of Object.keys(tool)) {
    if (!toolNames.includes(name)) throw new TraceError(line, `${path}.${name}`, `is no field of a tool.${didYouMean(name, toolNames)}`)
  }
  const { name } = tool
  if (name !== undefined && typeof name !== 'string') throw new TraceError(line, `${path}.name`, 'must be a text.')
  return {
    tokens: checkNumber(line, `${path}.tokens`, tool['tokens'], someTokens),
    durationMs: checkNumber(line, `${path}.durationMs`, tool['durationMs'], duration),
    resultTokens: checkNumber(line, `${path}.resultTokens`, tool['resultTokens'] ?? 0, tokenCount),
    ...name !== undefined && { name }
  }
}
