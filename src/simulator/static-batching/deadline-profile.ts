import { checkRequests, fitsAlone, OpenBatch, sortedBy, type BatchCaps, type Batches, type StaticRequest } from './static-request.js'

/** Seconds of a static batch: its padded prompts, then as many steps as its longest output. */
export interface BatchCost {
  readonly fixedSec: number
  readonly prefillTokenSec: number
  readonly stepSec: number
  readonly sequenceSec: number
}

export function batchSec (cost: BatchCost, requests: number, inputTokens: number, outputTokens: number): number {
  return cost.fixedSec + cost.prefillTokenSec * requests * inputTokens + outputTokens * (cost.stepSec + cost.sequenceSec * requests)
}

/** ChatGLM2-6B on one GPU, about. */
export const chatGlmCost: BatchCost = { fixedSec: 0.02, prefillTokenSec: 0.36e-3, stepSec: 0.03, sequenceSec: 0.35e-3 }

export interface DeadlineOptions extends BatchCaps {
  readonly cost: BatchCost
  /** Ready so long before the deadline. */
  readonly marginSec: number
  /** Share of padding in a batch's outputs at most. */
  readonly maxWaste: number
  /** false = odbs*: by length alone, nobody is late. */
  readonly usesSlo: boolean
}

export const deadlineDefaults: DeadlineOptions =
  { cost: chatGlmCost, marginSec: 0, maxWaste: 0.5, usesSlo: true, maxRequests: 64, kvTokens: Infinity }
/** By length alone, under overload. */
export const odbsDefaults: DeadlineOptions = { ...deadlineDefaults, usesSlo: false, maxWaste: 0.3 }

/**
 * Batches by slack, filled with whatever keeps every deadline of the batch and little padding. Requests
 * that are late already come after the others, by length.
 */
export function deadlineBatches (requests: readonly StaticRequest[], options: DeadlineOptions): Batches {
  checkRequests(requests)
  const { cost, usesSlo, marginSec } = options
  const fitting = requests.filter(request => fitsAlone(request, options))
  const slack = ({ sloSec, inputTokens, outputTokens }: StaticRequest): number => sloSec - batchSec(cost, 1, inputTokens, outputTokens)
  const isLate = (request: StaticRequest): boolean => usesSlo && slack(request) < marginSec
  const length = ({ outputTokens }: StaticRequest): number => outputTokens
  const punctual = fitting.filter(request => !isLate(request))
  const groups = [
    { rest: usesSlo ? sortedBy(punctual, slack, length) : sortedBy(punctual, length, ({ sloSec }) => sloSec), hasDeadlines: usesSlo },
    { rest: sortedBy(fitting.filter(isLate), length), hasDeadlines: false }
  ]
  const batches: number[][] = []
  let startSec = 0
  for (const { rest, hasDeadlines } of groups) {
    for (let left = rest; left.length > 0;) {
      const { batch, others } = fill(left, hasDeadlines ? startSec : undefined, options)
      batches.push(batch.ids)
      startSec += batchSec(cost, batch.size, batch.maxInput, batch.maxOutput)
      left = others
    }
  }
  return { batches, rejected: sortedBy(requests.filter(request => !fitsAlone(request, options))).map(({ id }) => id) }
}

/** A batch of the first and of what suits it. @param startSec when it would start; undefined = deadlines do not count */
function fill (requests: readonly StaticRequest[], startSec: number | undefined, options: DeadlineOptions): { batch: OpenBatch, others: StaticRequest[] } {
  const { cost, marginSec, maxWaste } = options
  const batch = new OpenBatch(requests[0]!)
  let dueSec = requests[0]!.sloSec
  const others: StaticRequest[] = []
  const keepsDeadlines = (start: number, { inputTokens, outputTokens }: StaticRequest, due: number): boolean => {
    const withIt = batchSec(cost, batch.size + 1, Math.max(batch.maxInput, inputTokens), Math.max(batch.maxOutput, outputTokens))
    // A batch that misses its deadline anyway loses nothing.
    return start + withIt <= due - marginSec + 1e-12 || start + batchSec(cost, batch.size, batch.maxInput, batch.maxOutput) > dueSec
  }
  for (const request of requests.slice(1)) {
    const longest = Math.max(batch.maxOutput, request.outputTokens)
    const waste = longest === 0 ? 0 : 1 - (batch.sumOutput + request.outputTokens) / ((batch.size + 1) * longest)
    const due = Math.min(dueSec, request.sloSec)
    if (batch.fits(request, options) && waste <= maxWaste + 1e-12 && (startSec === undefined || keepsDeadlines(startSec, request, due))) {
      batch.add(request)
      dueSec = due
    } else others.push(request)
  }
  return { batch, others }
}
