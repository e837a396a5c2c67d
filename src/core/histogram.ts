/** Counts values by range, in memory that is taken once. Whoever reads it does so while nothing is observed. */
export class Histogram {
  /** Upper ends of the ranges, rising; a value that equals one belongs to it. */
  readonly bounds: Float64Array
  /** (bounds.length + 1,): the last is of what is above all. */
  readonly counts: Float64Array
  sum = 0

  constructor (bounds: readonly number[]) {
    this.bounds = Float64Array.from(bounds)
    this.counts = new Float64Array(bounds.length + 1)
  }

  get count (): number {
    return this.counts.reduce((sum, count) => sum + count, 0)
  }

  observe (value: number): void {
    const { bounds } = this
    let low = 0
    let high = bounds.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (value <= bounds[middle]!) high = middle
      else low = middle + 1
    }
    this.counts[low]!++
    this.sum += value
  }
}
