import { deriveSeed } from '../core/seed.js'

/** Of one answer; each has an id of its own. */
export const mostCalls = 128

/**
 * Ids of the calls of one answer, by their place in it. They follow from the seed and from how long the prompt was, so that
 * they are the same for the same request, and others in the next turn.
 */
export function callIds (seed: bigint, promptTokens: number, isShort: boolean): (place: number) => string {
  return place => {
    const text = deriveSeed(seed, promptTokens * mostCalls + place % mostCalls).toString(36).padStart(13, '0')
    return isShort ? text.slice(-9) : `call_${text}`
  }
}
