import type { Policy } from '../policy.js'
import { engineShareMs } from './engine-share.js'
import { latestStartMs } from './latest-start.js'

/** All terms of the score are times, and so are what they are worth against each other. */
export interface AdaptiveOptions {
  /** Ms that a request is put off for each ms of the whole engine that it takes. */
  readonly sizePrice: number
  /** Slack counts from here on; before it, size alone does. */
  readonly slackMs: number
  /** What a request without SLO waits gladly. */
  readonly patienceMs: number
  /** What a request that cannot keep its SLO any more is put off by, at least. */
  readonly lateMs: number
  /** Share of the engine that such requests get once that time is over, while others could be in time. */
  readonly lateShare: number
  /** Head start of a request that goes on: after a tool call, or after it was preempted. */
  readonly resumedMs: number
  /** Handicap of a link of health 0. */
  readonly healthMs: number
  /** Head start of each step of priority, three at most. */
  readonly priorityMs: number
}

/** A rank that is over at a moment is another one this much later. */
const tickMs = 1e-3
const mostPriorities = 3

/**
 * One score, the moment at which a request is due, and the earliest is first:
 *
 *   due = when it must start to keep its SLO + sizePrice * what it takes of the engine + handicaps
 *
 * While there is more work than time, only requests whose price is less than how far the queue is ahead
 * of its dues start in time: large ones are given up first, as many as must be, and nobody measures the
 * load (Moore and Hodgson's rule for one machine, by a price). What has slack to spare is ordered by size,
 * behind the rest. What is late is due `lateMs` later, and one after the other, so far apart that they take
 * `lateShare` of the engine: they would take all of it under an overload that lasts.
 */
export function adaptive (options: AdaptiveOptions): Policy {
  const { sizePrice, slackMs, patienceMs, lateMs, resumedMs, healthMs, priorityMs } = options
  const lateDues = new LateDues(options)
  return {
    name: 'adaptive',
    rank (sequence, view) {
      const { nowMs } = view
      const { arrivalMs } = sequence
      const shareMs = engineShareMs(sequence, view)
      const startMs = latestStartMs(sequence, view)
      const isStarted = sequence.isResumed || sequence.generatedTokens > 0
      const isLate = !isStarted && nowMs > startMs

      let plainDueMs = arrivalMs + patienceMs
      if (isStarted) plainDueMs = arrivalMs - resumedMs
      else if (isLate) plainDueMs = sequence.lateDueMs ??= lateDues.next(nowMs, shareMs)
      else if (startMs < Infinity) plainDueMs = Math.min(startMs, arrivalMs + lateMs)
      const priority = Math.max(-mostPriorities, Math.min(mostPriorities, sequence.priority))
      const dueMs = plainDueMs + Math.min(sizePrice * shareMs, lateMs) + healthMs * (1 - sequence.linkHealth) + priorityMs * priority

      const pressedFromMs = plainDueMs - slackMs
      const isPressed = nowMs > pressedFromMs
      const hasSlack = !isPressed && !isLate
      sequence.rankClass = isPressed ? 0 : hasSlack ? 1 : 2
      sequence.rankKey = hasSlack ? shareMs : dueMs
      sequence.rankTie = arrivalMs
      const lateFromMs = isStarted || isLate ? Infinity : startMs
      return Math.min(isPressed ? Infinity : pressedFromMs, lateFromMs) + tickMs
    }
  }
}

/** Hands out dues to requests as they become late. A clock that goes back begins anew. */
class LateDues {
  readonly #lateMs: number
  readonly #share: number
  /** How far the next is behind the usual, at `#atMs`. */
  #behindMs = 0
  #atMs = 0

  constructor ({ lateMs, lateShare }: AdaptiveOptions) {
    this.#lateMs = lateMs
    this.#share = lateShare
  }

  next (nowMs: number, shareMs: number): number {
    const passedMs = nowMs - this.#atMs
    this.#behindMs = passedMs < 0 ? 0 : Math.max(0, this.#behindMs - passedMs)
    this.#atMs = nowMs
    const dueMs = nowMs + this.#lateMs + this.#behindMs
    this.#behindMs += Math.min(shareMs / this.#share, this.#lateMs)
    return dueMs
  }
}
