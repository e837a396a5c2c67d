import type { Policy } from '../policy.js'

/** Lower number first, in order of arrival among equals; a lower number may take a higher one's slot and blocks. */
export const priority: Policy = {
  name: 'priority',
  rank (sequence) {
    sequence.rankClass = sequence.priority
    sequence.rankKey = sequence.arrivalMs
    sequence.rankTie = 0
    return Infinity
  },
  mayPreempt: (needy, running) => needy.priority < running.priority
}
