import { TraceError } from './trace-error.js'

export interface CsvRow {
  /** Of its beginning, from 1. */
  readonly line: number
  readonly cells: readonly string[]
}

/** Rows of comma-separated values as in RFC 4180: cells in quotes may hold commas, line ends and doubled quotes. Empty lines are left out. */
export function readCsv (text: string): CsvRow[] {
  const rows: CsvRow[] = []
  let line = 1
  let at = text.startsWith('\ufeff') ? 1 : 0
  while (at < text.length) {
    const start = line
    const cells: string[] = []
    for (;;) {
      const cell = text[at] === '"' ? quotedCell(text, at, line) : plainCell(text, at)
      cells.push(cell.value)
      line += cell.lines
      at = cell.end
      if (text[at] !== ',') break
      at++
    }
    if (text[at] === '\r' && text[at + 1] === '\n') at++
    at++
    line++
    if (cells.length > 1 || cells[0]!.trim() !== '') rows.push({ line: start, cells })
  }
  return rows
}

interface Cell {
  readonly value: string
  readonly end: number
  /** Line ends inside. */
  readonly lines: number
}

function plainCell (text: string, start: number): Cell {
  let end = start
  while (end < text.length && text[end] !== ',' && text[end] !== '\n' && !(text[end] === '\r' && text[end + 1] === '\n')) end++
  return { value: text.slice(start, end).trim(), end, lines: 0 }
}

function quotedCell (text: string, start: number, line: number): Cell {
  let value = ''
  let from = start + 1
  for (;;) {
    const quote = text.indexOf('"', from)
    if (quote < 0) throw new TraceError(line, undefined, 'has a quote that is never closed.')
    value += text.slice(from, quote)
    from = quote + 1
    if (text[from] !== '"') break
    value += '"'
    from++
  }
  if (from < text.length && !',\r\n'.includes(text[from]!)) {
    throw new TraceError(line, undefined, `has ${JSON.stringify(text[from])} after a closing quote, where a comma or the line's end should be.`)
  }
  return { value, end: from, lines: value.split('\n').length - 1 }
}
