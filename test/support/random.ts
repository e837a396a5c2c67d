import { SeededRandom } from '../../src/simulator/random.js'

/** Choices for random tests, which print the seed and can be run again with it. */
export class Random extends SeededRandom {
  /** In [low, high]. */
  integer (low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1))
  }

  chance (probability: number): boolean {
    return this.next() < probability
  }

  pick<T> (items: readonly T[]): T {
    return items[Math.floor(this.next() * items.length)]!
  }
}

/** The seed of a random test: MILLRACE_TEST_SEED, or a new one. */
export function testSeed (): number {
  const given = process.env['MILLRACE_TEST_SEED']
  return given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given)
}
