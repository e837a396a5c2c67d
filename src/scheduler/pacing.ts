import { decodeStepMs } from '../profiler/step-costs.js'
import { firstOf } from './first-of.js'
import type { PolicyView } from './policy.js'
import type { Sequence } from './sequence.js'

export interface PacingOptions {
  /** Sequences that hold blocks at most: more than a step has rows, so that most of them wait for their reader. */
  readonly maxResidentSeqs: number
  /** Tokens that a reader takes a second, where the request says nothing; 4.8. */
  readonly readingTokensPerSec?: number
  /** A reader who has waited no longer than this after the first token has lost little yet; 2000. */
  readonly freshMs?: number
  /** How much later a fresh sequence on a link of health 0 seems to wait than one of health 1; 0. */
  readonly healthMs?: number
}

/** How far a sequence is ahead of its reader. */
export interface Pace {
  /** What its reader takes, or its SLO wants. */
  readonly tokensPerMs: number
  /** When it was first about to decode. */
  readonly sinceMs: number
  /** Its reader began then, or would have if no token had been late. */
  baseMs: number
  /** It is kept on pace, to its end. */
  isActive: boolean
  /** Of this plan: before others of its group when it is lower. */
  key: number
}

/** How fast people read, about (Andes). */
export const readingTokensPerSec = 4.8

const defaultFreshMs = 2000
/** Every so many promotions, one is of the sequence that has waited longest. */
const oldestEvery = 20
/** A plan promotes no more than this, so that it stays short; the next one goes on. */
const maxPromotions = 32
/** Tokens are due this many steps ahead: the plan waits behind a step, and takes one. */
const stepsAhead = 1.5
/** Of the mean of prompt tokens in a plan, what each plan moves it by. */
const meanShare = 1 / 32

/**
 * Which sequences decode when more hold KV than a step has rows: each as fast as it is read, so that as many
 * readers as possible are never kept waiting (after Andes, Liu et al. 2024, arXiv:2404.16283; the rules are
 * in docs/scheduling.md).
 *
 * As many sequences are active as the engine can keep on pace. They have rows when their next token is
 * due; what is left goes to active ones that are ahead, then to those that wait, the longest first.
 */
export class Pacer<S extends Sequence> {
  readonly maxResidentSeqs: number
  readonly #readingTokensPerMs: number
  readonly #freshMs: number
  readonly #healthMs: number
  /** Those of a plan that may decode: kept on pace, of these the ones whose next token is due, and not, and the others. */
  readonly #active = new Group<S>()
  readonly #due = new Group<S>()
  readonly #ahead = new Group<S>()
  readonly #idle = new Group<S>()
  #promotions = 0
  /** Prompt tokens of a plan, in the mean. */
  #promptTokens = 0

  constructor (options: PacingOptions) {
    this.maxResidentSeqs = options.maxResidentSeqs
    this.#readingTokensPerMs = (options.readingTokensPerSec ?? readingTokensPerSec) / 1000
    this.#freshMs = options.freshMs ?? defaultFreshMs
    this.#healthMs = options.healthMs ?? 0
  }

  /**
   * Groups the sequences that may decode, and promotes as many as the engine can keep on pace. Returns how
   * many may decode.
   *
   * @param rows of a step, to which the view's `contextTokens` belong
   */
  start (running: readonly S[], rows: number, view: PolicyView): number {
    this.#active.size = this.#due.size = this.#ahead.size = this.#idle.size = 0
    for (const sequence of running) {
      if (sequence.state !== 'running' || !sequence.isDecoding || sequence.isComplete) continue
      const pace = sequence.pace ??= this.#paceOf(sequence, view.nowMs)
      if (pace.isActive) this.#active.add(sequence)
      else this.#idle.add(sequence)
    }
    const decodes = this.#active.size + this.#idle.size
    const contextTokens = decodes === 0 ? 0 : view.contextTokens * Math.max(1, rows / decodes)
    const fullStepMs = decodeStepMs(view.costs, rows, contextTokens) + view.costs.prefillTokenMs * this.#promptTokens
    this.#promote(rows, fullStepMs, view.nowMs)
    this.#group(view.nowMs + stepsAhead * fullStepMs)
    return decodes
  }

  /**
   * Offers sequences for rows, until `take` has taken as many as there are: an offer may be refused for want
   * of a block.
   *
   * @param take whether the sequence got a row
   */
  offer (rows: number, take: (sequence: S) => boolean): void {
    const left = rows - this.#due.offer(rows, take)
    const rest = left - this.#ahead.offer(left, take)
    this.#idle.offer(rest, take)
  }

  /** A plan has been made with so many tokens of prompts. */
  planned (promptTokens: number): void {
    this.#promptTokens += meanShare * (promptTokens - this.#promptTokens)
  }

  #paceOf (sequence: S, nowMs: number): Pace {
    const { slo, readingTokensPerSec, predictedRest, deadlineMs } = sequence
    const wanted = Math.max(
      readingTokensPerSec === undefined ? this.#readingTokensPerMs : readingTokensPerSec / 1000,
      1 / (slo.tpotMs ?? Infinity),
      deadlineMs > nowMs ? predictedRest / (deadlineMs - nowMs) : 0)
    return { tokensPerMs: wanted, sinceMs: nowMs, baseMs: nowMs, isActive: false, key: 0 }
  }

  /** While there is room: whoever began to wait last, of those who have not waited long, else who waits longest. */
  #promote (rows: number, fullStepMs: number, nowMs: number): void {
    const idle = this.#idle
    let room = rows * (1 + 1e-9)
    for (let i = 0; i < this.#active.size; i++) room -= rowsFor(this.#active.items[i]!, fullStepMs)
    for (let count = 0; count < maxPromotions && idle.size > 0; count++) {
      const place = this.#nextActive(nowMs, (this.#promotions + 1) % oldestEvery === 0)
      const next = idle.items[place]!
      room -= rowsFor(next, fullStepMs)
      if (room < 0) return
      activate(next, nowMs)
      this.#active.add(next)
      idle.removeAt(place)
      this.#promotions++
    }
  }

  #group (horizonMs: number): void {
    for (let i = 0; i < this.#active.size; i++) {
      const sequence = this.#active.items[i]!
      const pace = sequence.pace!
      pace.key = pace.baseMs + (sequence.expectedTokens - sequence.promptTokens) / pace.tokensPerMs
      if (pace.key <= horizonMs) this.#due.add(sequence)
      else this.#ahead.add(sequence)
    }
    for (let i = 0; i < this.#idle.size; i++) {
      const pace = this.#idle.items[i]!.pace!
      pace.key = pace.sinceMs
    }
  }

  /** Place among the idle ones. */
  #nextActive (nowMs: number, isOldest: boolean): number {
    let best = 0
    let bestKey = Infinity
    const { items, size } = this.#idle
    for (let i = 0; i < size; i++) {
      const sequence = items[i]!
      const { sinceMs } = sequence.pace!
      const isFresh = !isOldest && nowMs - sinceMs <= this.#freshMs
      const key = isFresh ? -(sinceMs - this.#healthMs * (1 - sequence.linkHealth)) - freshFirst : sinceMs
      if (key < bestKey || (key === bestKey && sequence.id < items[best]!.id)) {
        best = i
        bestKey = key
      }
    }
    return best
  }
}

/** Sequences of one plan. The array never shrinks: one that did would be allocated anew in every plan. */
class Group<S extends Sequence> {
  readonly items: S[] = []
  /** Items from here on are of plans before. */
  size = 0

  add (sequence: S): void {
    this.items[this.size++] = sequence
  }

  removeAt (place: number): void {
    this.items[place] = this.items[--this.size]!
  }

  /** Those with the lowest keys first, until so many have been taken. Returns how many were. */
  offer (count: number, take: (sequence: S) => boolean): number {
    if (count === 0) return 0
    firstOf(this.items, this.size, count, isBefore)
    let taken = 0
    for (let i = 0; i < this.size && taken < count; i++) if (take(this.items[i]!)) taken++
    return taken
  }
}

/** Of each step, to keep it on pace: nobody has more than one, whatever he wants. */
function rowsFor ({ pace }: Sequence, stepMs: number): number {
  return Math.min(1, pace!.tokensPerMs * stepMs)
}

/** Its reader has waited; he goes on with the next token, not with all that he might have read by now. */
function activate (sequence: Sequence, nowMs: number): void {
  const pace = sequence.pace!
  pace.isActive = true
  pace.baseMs = Math.max(pace.baseMs, nowMs - (sequence.expectedTokens - sequence.promptTokens) / pace.tokensPerMs)
}

/** Later than any time. */
const freshFirst = 2 ** 45

function isBefore (a: Sequence, b: Sequence): boolean {
  const difference = a.pace!.key - b.pace!.key
  return difference === 0 ? a.id < b.id : difference < 0
}
