/** The middle value, or the mean of the two in the middle; NaN of none. */
export function median (values: readonly number[]): number {
  const sorted = ascending(values)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}

/** The smallest value that at least `percent` of the values do not exceed (nearest rank); NaN of none. */
export function percentile (values: readonly number[], percent: number): number {
  return ascending(values)[Math.max(0, Math.ceil(percent / 100 * values.length) - 1)] ?? NaN
}

function ascending (values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b)
}

/** Key by key, for records of the same keys whose values are numbers. */
export function medians<T extends { [key in keyof T]: number }> (records: readonly T[]): T {
  const keys = Object.keys(records[0] ?? {}) as Array<keyof T>
  return Object.fromEntries(keys.map(key => [key, median(records.map(record => record[key]))])) as T
}
