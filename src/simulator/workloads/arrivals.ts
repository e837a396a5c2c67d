import type { SeededRandom } from '../random.js'

export interface Bursts {
  /** Each lasts so long, and the next begins so long after it began. */
  readonly burstMs: number
  readonly periodMs: number
  /** Rate within a burst, as a multiple of the rate between them. */
  readonly factor: number
}

/** Times of a Poisson process; an infinite rate is a burst at 0. */
export function poissonArrivals (random: SeededRandom, count: number, ratePerSec: number): number[] {
  let nowMs = 0
  return Array.from({ length: count }, () => {
    if (ratePerSec < Infinity) nowMs += random.exponential(1000 / ratePerSec)
    return nowMs
  })
}

/** A Poisson process whose rate jumps up now and then; over whole periods it has the mean rate `ratePerSec`. */
export function burstyArrivals (random: SeededRandom, count: number, ratePerSec: number, bursts: Bursts): number[] {
  const { burstMs, periodMs, factor } = bursts
  const share = burstMs / periodMs
  const calmRate = ratePerSec / (1 - share + share * factor)
  const times: number[] = []
  // Thinning: times of the highest rate, of which as many stay as the rate of the moment is lower (Lewis & Shedler 1979).
  for (let nowMs = 0; times.length < count;) {
    nowMs += random.exponential(1000 / (calmRate * Math.max(1, factor)))
    const rate = nowMs % periodMs < burstMs ? factor : 1
    if (random.next() * Math.max(1, factor) < rate) times.push(nowMs)
  }
  return times
}
