export type Cell = string | number | undefined

/** A Markdown table, padded so that it reads as well in a terminal. The first `textColumns` are aligned left. */
export function table (head: readonly string[], rows: ReadonlyArray<readonly Cell[]>, textColumns = 1): string {
  const texts = [head, ...rows.map(row => row.map(cellText))]
  const widths = head.map((_, column) => Math.max(3, ...texts.map(row => (row[column] ?? '').length)))
  const line = (row: readonly string[]) => `| ${widths.map((width, column) => {
    const text = row[column] ?? ''
    return column < textColumns ? text.padEnd(width) : text.padStart(width)
  }).join(' | ')} |`
  const rule = `| ${widths.map((width, column) => column < textColumns ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`).join(' | ')} |`
  return [line(texts[0]!), rule, ...texts.slice(1).map(line)].join('\n')
}

/** Three digits of a number; nothing for what was not measured. */
function cellText (cell: Cell): string {
  if (cell === undefined || Number.isNaN(cell)) return ''
  if (typeof cell === 'string') return cell
  const magnitude = Math.abs(cell)
  return cell.toFixed(magnitude >= 100 || Number.isInteger(cell) ? 0 : magnitude >= 10 ? 1 : 2)
}

/** 0.4213 as "42 %". */
export function percent (ratio: number | undefined): string | undefined {
  return ratio === undefined || Number.isNaN(ratio) ? undefined : `${(ratio * 100).toFixed(ratio < 0.095 ? 1 : 0)} %`
}

/** 2.813 as "2.81x". */
export function times (ratio: number | undefined): string | undefined {
  return ratio === undefined || Number.isNaN(ratio) ? undefined : `${ratio.toFixed(ratio < 10 ? 2 : 1)}x`
}
