import { checkRequests, fitsAlone, OpenBatch, sortedBy, type BatchCaps, type Batches, type StaticRequest } from './static-request.js'

export type PaperVariant = 'slo-odbs' | 'slo-dbs' | 'odbs'

export interface PaperOptions extends BatchCaps {
  readonly variant: PaperVariant
  /** What counts as a usual SLO, output and batch: with these, the total of a usual batch is 1. */
  readonly sloRefSec: number
  readonly outputRefTokens: number
  readonly batchRef: number
  readonly threshold: number
  /** How the outputs of batch and candidate make one: their sum, twice the longer, or, for ablation, the printed difference. */
  readonly lengthTerm: 'sum' | 'max' | 'diff'
  /** ratio: batches of demanding requests are smaller. */
  readonly sizeRule: 'ratio' | 'none'
}

export const paperDefaults: PaperOptions = {
  variant: 'slo-odbs',
  sloRefSec: 175,
  outputRefTokens: 256,
  batchRef: 16,
  threshold: 1,
  lengthTerm: 'sum',
  sizeRule: 'ratio',
  maxRequests: 64,
  kvTokens: Infinity
}

/** [weight of the SLO, weight of the length]: the thesis swaps the names of its two simpler variants. */
const weights: Readonly<Record<PaperVariant, readonly [slo: number, length: number]>> = {
  'slo-odbs': [0.5, 0.5], 'slo-dbs': [1, 0], 'odbs': [0, 1]
}

/** For each candidate: the total that decided, and the demand of the batch that it is in. */
export type PaperTrace = Array<readonly [total: number, demand: number]>

/**
 * SLO-ODBS (UELLM, algorithm 3-1): requests by SLO and length, each into the current batch while the
 * weighted sum of its waiting and its padding stays under a threshold. As in the paper, with the sign of
 * its equation 3-4; docs/simulation.md says what is odd about it.
 */
export function paperBatches (requests: readonly StaticRequest[], options: PaperOptions, trace?: PaperTrace): Batches {
  checkRequests(requests)
  const { variant, threshold } = options
  const [sloWeight, lengthWeight] = weights[variant]
  const perSloSec = 1 / (2 * options.sloRefSec * options.batchRef)
  const perToken = 1 / (2 * options.outputRefTokens * options.batchRef)
  const order = variant === 'odbs'
    ? sortedBy(requests, ({ outputTokens }) => outputTokens, ({ sloSec }) => sloSec)
    : sortedBy(requests, ({ sloSec }) => sloSec, ({ outputTokens }) => outputTokens)
  const batches: number[][] = []
  const rejected: number[] = []
  let batch: OpenBatch | undefined
  let maxSlo = 0
  let maxDemand = 0
  for (const request of order) {
    if (!fitsAlone(request, options)) {
      rejected.push(request.id)
      continue
    }
    const slo = Math.max(request.sloSec, 0)
    const size = (batch?.size ?? 0) + 1
    const waiting = (slo + maxSlo) * size * perSloSec
    const padding = lengthTerm(options.lengthTerm, request.outputTokens, batch?.maxOutput ?? 0) * size * perToken
    const total = sloWeight * waiting + lengthWeight * padding
    const ownDemand = demand(slo, request.outputTokens, options)
    const demandWith = Math.max(maxDemand, ownDemand)
    if (batch !== undefined && total <= threshold + 1e-12 && size <= sizeLimit(demandWith, options) && batch.fits(request, options)) {
      batch.add(request)
      maxSlo = Math.max(maxSlo, slo)
      maxDemand = demandWith
    } else {
      batch = new OpenBatch(request)
      batches.push(batch.ids)
      maxSlo = slo
      maxDemand = ownDemand
    }
    trace?.push([total, maxDemand])
  }
  return { batches, rejected }
}

function lengthTerm (term: PaperOptions['lengthTerm'], length: number, longest: number): number {
  if (term === 'sum') return length + longest
  return term === 'max' ? 2 * Math.max(length, longest) : length - longest
}

/** Of a request, against the usual one: 1. */
function demand (slo: number, length: number, { variant, sloRefSec, outputRefTokens }: PaperOptions): number {
  const [sloWeight, lengthWeight] = weights[variant]
  return (sloWeight * slo / sloRefSec + lengthWeight * length / outputRefTokens) / (sloWeight + lengthWeight)
}

function sizeLimit (demand: number, { sizeRule, maxRequests, batchRef }: PaperOptions): number {
  if (sizeRule === 'none' || demand <= 0) return maxRequests
  return Math.max(1, Math.min(maxRequests, Math.floor(batchRef / demand + 1e-9)))
}
