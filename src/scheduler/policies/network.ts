import type { Policy } from '../policy.js'

export interface NetworkOptions {
  /** How much later than a request without health one of full health may come and still be first; 0 = any time. */
  readonly agingMs: number
}

/**
 * Clients with good links first, within equal priority (Proteus). With aging, health is worth a head start
 * of at most `agingMs`: a request is overtaken only by such as arrive less than that after it.
 */
export function network ({ agingMs }: NetworkOptions): Policy {
  return {
    name: 'network',
    rank (sequence) {
      const bucket = healthBucket(sequence.linkHealth)
      sequence.rankClass = sequence.priority
      sequence.rankKey = agingMs === 0 ? -bucket : sequence.arrivalMs + agingMs * (100 - bucket) / 100
      sequence.rankTie = sequence.arrivalMs
      return Infinity
    },
    mayPreempt: (needy, running) => needy.priority < running.priority
  }
}

/** Whole hundredths: "about equal" by a tolerance would not be transitive. */
export function healthBucket (health: number): number {
  return Math.min(100, Math.floor(100 * health + 1e-9))
}
