import { readCsv } from './csv.js'
import { TraceError } from './trace-error.js'

/** One request's fields as they stand in the file. */
export interface TraceRecord {
  readonly line: number
  /** Of CSV: text; empty cells are missing. */
  readonly fields: Readonly<Record<string, unknown>>
}

/** Reads CSV with a head, an array in JSON, or JSON by line, whichever the text begins like. */
export function readRecords (text: string): TraceRecord[] {
  const start = text.trimStart()
  if (start.startsWith('[')) return readArray(text)
  return start.startsWith('{') ? readLines(text) : readTable(text)
}

function readTable (text: string): TraceRecord[] {
  const [head, ...rows] = readCsv(text)
  if (head === undefined) return []
  const names = head.cells
  for (const [i, name] of names.entries()) {
    if (name === '') throw new TraceError(head.line, undefined, `has no name in column ${i + 1}.`)
    if (names.indexOf(name) < i) throw new TraceError(head.line, name, 'is there twice.')
  }
  return rows.map(({ line, cells }) => {
    if (cells.length !== names.length) {
      throw new TraceError(line, undefined, `has ${cells.length} cells; the first line names ${names.length} columns.`)
    }
    return { line, fields: Object.fromEntries(names.map((name, i): [string, string] => [name, cells[i]!]).filter(([, cell]) => cell !== '')) }
  })
}

function readLines (text: string): TraceRecord[] {
  return text.split('\n').flatMap((content, i) => content.trim() === ''
    ? []
    : [{ line: i + 1, fields: fieldsOf(i + 1, parse(i + 1, content)) }])
}

function readArray (text: string): TraceRecord[] {
  const values = parse(1, text) as unknown[]
  return values.map((value, i) => ({ line: i + 1, fields: fieldsOf(i + 1, value) }))
}

function parse (line: number, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new TraceError(line, undefined, `is not JSON (${(error as Error).message}).`)
  }
}

function fieldsOf (line: number, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new TraceError(line, undefined, `is ${JSON.stringify(value)?.slice(0, 40)}; it must be an object with the request's fields.`)
}
