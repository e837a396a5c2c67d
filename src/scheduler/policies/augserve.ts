import type { Policy, PolicyView } from '../policy.js'
import type { Sequence } from '../sequence.js'
import { footprintTokenSec, type WaitCosts } from './footprint.js'
import { restMs } from './latest-start.js'

/** Weights of the score: points, where a point is a doubling of the footprint in an empty pool. */
export interface AugserveOptions extends WaitCosts {
  /** How much more the footprint counts in a full pool. */
  readonly kMem: number
  /** For each SLO that it has waited. */
  readonly kAge: number
  /** As its SLO draws near. */
  readonly kUrg: number
  /** Because it goes on after a tool call. */
  readonly kRes: number
  /** Against what is late before its first token: it waits until nobody can be on time, or it is old. */
  readonly kLate: number
  /** Time to the first token where the request says nothing. */
  readonly sloMs: number
}

/** A waiting score may be off by this many points. */
const driftPoints = 0.25
/** What the pool has free changes too, and touches all alike: ranks are renewed after so many `sloMs` at the latest. */
const longestSlos = 4
/** A tiny SLO is soon late, yet ages by no less than this share of `sloMs`. */
const shortestSlos = 0.1

/**
 * AugServe's two stages: what a request will cost (once, at its arrival) and, while it waits, a score of
 * that cost, the pool, its age, its SLO and whether a tool call has just ended.
 *
 * Points change with time. Keys are written as they would be at time 0 if all changed like a late request
 * with the usual SLO, so that order changes where rates differ, and only there.
 */
export function augserve (options: AugserveOptions): Policy {
  const frameRate = options.kAge / options.sloMs
  return {
    name: 'augserve',
    rank (sequence, view) {
      const { nowMs } = view
      const score = augserveScore(sequence, view, options)
      sequence.rankClass = 0
      sequence.rankKey = score.points + frameRate * nowMs
      sequence.rankTie = sequence.arrivalMs
      const holdsMs = driftPoints / Math.abs(score.pointsPerMs + frameRate)
      const untilMs = nowMs + Math.max(1, Math.min(holdsMs, longestSlos * options.sloMs))
      return score.dueMs > nowMs ? Math.min(untilMs, score.dueMs) : untilMs
    }
  }
}

export interface AugserveScore {
  /** Lower is sooner. */
  readonly points: number
  /** How they change while nothing else does. */
  readonly pointsPerMs: number
  /** When it becomes late; Infinity = it cannot. */
  readonly dueMs: number
}

/** Stage II. */
export function augserveScore (sequence: Sequence, view: PolicyView, options: AugserveOptions): AugserveScore {
  const { kMem, kAge, kUrg, kRes, kLate } = options
  sequence.footprintTokenSec ??= footprintTokenSec(sequence, view, options)
  const rest = sequence.predictedRest
  const done = sequence.generatedTokens / (sequence.generatedTokens + rest)
  const size = Math.log2(1 + sequence.footprintTokenSec * (1 - done)) * (1 + kMem * (1 - view.freeRatio))

  // What counts once a first token has been seen is to go on at all.
  const isStarted = sequence.generatedTokens > 0 || sequence.isResumed
  const firstTokenMs = firstTokenDueMs(sequence, view)
  const dueMs = isStarted ? Infinity : firstTokenMs
  const ownSloMs = firstTokenMs - sequence.arrivalMs
  const sloMs = ownSloMs > 0 && ownSloMs < Infinity ? Math.max(ownSloMs, shortestSlos * options.sloMs) : options.sloMs
  const ageMs = view.nowMs - sequence.arrivalMs
  const isLate = view.nowMs >= dueMs
  const isPressed = dueMs < Infinity && !isLate
  const urgency = isLate ? -kLate : isPressed ? kUrg * Math.min(1, ageMs / sloMs) : 0
  return {
    points: size - kAge * ageMs / sloMs - urgency - (sequence.isResumed ? kRes : 0),
    pointsPerMs: -(kAge + (isPressed ? kUrg : 0)) / sloMs,
    dueMs
  }
}

/** Infinity = it has no SLO. */
function firstTokenDueMs (sequence: Sequence, view: PolicyView): number {
  if (sequence.deadlineMs === Infinity) return sequence.ttftDeadlineMs
  return Math.min(sequence.ttftDeadlineMs, sequence.deadlineMs - restMs(sequence, view))
}
