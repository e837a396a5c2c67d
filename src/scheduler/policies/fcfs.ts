import type { Policy } from '../policy.js'

/** First come, first served; the youngest is preempted. */
export const fcfs: Policy = {
  name: 'fcfs',
  rank (sequence) {
    sequence.rankClass = 0
    sequence.rankKey = sequence.arrivalMs
    sequence.rankTie = 0
    return Infinity
  }
}
