/** A seed to print, and numbers in [0, 1) from it (mulberry32). */
export function seededRandom (seed = Number(process.env.TEST_SEED ?? Math.floor(Math.random() * 2 ** 32))): [number, () => number] {
  let state = seed >>> 0
  return [seed, () => {
    state = (state + 0x6D2B79F5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }]
}
