/** Lines of two columns, the first padded to one width. */
export function twoColumns (rows: ReadonlyArray<readonly [string, string]>): string {
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n')
}

/** Lines of columns under their heads; numbers to the right. */
export function table (head: readonly string[], rows: ReadonlyArray<ReadonlyArray<string | number>>): string {
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map(row => String(row[i]).length)))
  const line = (row: ReadonlyArray<string | number>): string => row
    .map((cell, i) => typeof cell === 'number' ? String(cell).padStart(widths[i]!) : String(cell).padEnd(widths[i]!))
    .join('  ').trimEnd()
  return [line(head), ...rows.map(line)].join('\n')
}
