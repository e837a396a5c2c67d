/** Seeded numbers for workloads: the same seed, the same trace. Mulberry32. */
export class SeededRandom {
  #state: number

  constructor (seed: number) {
    this.#state = seed >>> 0
  }

  /** In [0, 1). */
  next (): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  uniform (low: number, high: number): number {
    return low + this.next() * (high - low)
  }

  exponential (mean: number): number {
    return -mean * Math.log(1 - this.next())
  }

  /** Box & Muller 1958. */
  normal (): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next())
  }

  lognormal (median: number, sigma: number): number {
    return median * Math.exp(sigma * this.normal())
  }
}

/** A whole number of tokens in [low, high]. */
export function wholeTokens (value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, Math.round(value)))
}
