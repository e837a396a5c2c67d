import type { Policy } from '../policy.js'

/** Shortest predicted rest first. No bound on starvation: long answers wait while short ones come. */
export const sjf: Policy = {
  name: 'sjf',
  rank (sequence) {
    sequence.rankClass = 0
    sequence.rankKey = sequence.predictedRest
    sequence.rankTie = sequence.arrivalMs
    return Infinity
  }
}
