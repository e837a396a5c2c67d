const mask64 = (1n << 64n) - 1n
// 2^64 / golden ratio: SplitMix64's increment.
const increment = 0x9e3779b97f4a7c15n

/**
 * The seed of choice `index` of a request: the request's own for choice 0, so that `n` does not change
 * the first answer, and SplitMix64 of (seed, index) for the others. Steele, Lea & Flood 2014.
 */
export function deriveSeed (seed: bigint, index: number): bigint {
  if (index === 0) return seed & mask64
  let z = (seed + BigInt(index) * increment) & mask64
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask64
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask64
  return z ^ (z >> 31n)
}
