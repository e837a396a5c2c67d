import { checkRequests, fitsAlone, OpenBatch, sortedBy, type BatchCaps, type Batches, type StaticRequest } from './static-request.js'

const arrival = ({ arrivalSec }: StaticRequest): number => arrivalSec
const length = ({ outputTokens }: StaticRequest): number => outputTokens

/** First come, first served. */
export function fifoBatches (requests: readonly StaticRequest[], caps: BatchCaps): Batches {
  return inOrder(sortedBy(requests, arrival), caps)
}

/** The shortest first. */
export function sjfBatches (requests: readonly StaticRequest[], caps: BatchCaps): Batches {
  return inOrder(sortedBy(requests, length, ({ sloSec }) => sloSec), caps)
}

/** The longest first. */
export function ljfBatches (requests: readonly StaticRequest[], caps: BatchCaps): Batches {
  return inOrder(sortedBy(requests, request => -length(request), arrival), caps)
}

/** A batch ends where the next request does not fit. */
function inOrder (order: readonly StaticRequest[], caps: BatchCaps): Batches {
  checkRequests(order)
  const batches: OpenBatch[] = []
  const rejected: number[] = []
  for (const request of order) {
    if (!fitsAlone(request, caps)) rejected.push(request.id)
    else if (batches.at(-1)?.fits(request, caps) === true) batches.at(-1)!.add(request)
    else batches.push(new OpenBatch(request))
  }
  return { batches: batches.map(({ ids }) => ids), rejected }
}

/** S3 (Jin et al. 2023, arXiv:2306.06000): first-fit decreasing into the KV memory; the bin of the oldest request goes first. */
export function s3Batches (requests: readonly StaticRequest[], caps: BatchCaps): Batches {
  checkRequests(requests)
  const bins: Array<{ batch: OpenBatch, oldest: StaticRequest }> = []
  const rejected: number[] = []
  for (const request of sortedBy(requests, request => -length(request), ({ inputTokens }) => -inputTokens)) {
    if (!fitsAlone(request, caps)) {
      rejected.push(request.id)
      continue
    }
    const bin = bins.find(({ batch }) => batch.fits(request, caps))
    if (bin === undefined) bins.push({ batch: new OpenBatch(request), oldest: request })
    else {
      bin.batch.add(request)
      if (isOlder(request, bin.oldest)) bin.oldest = request
    }
  }
  bins.sort((a, b) => isOlder(a.oldest, b.oldest) ? -1 : 1)
  return { batches: bins.map(({ batch }) => batch.ids), rejected }
}

function isOlder (a: StaticRequest, b: StaticRequest): boolean {
  return a.arrivalSec !== b.arrivalSec ? a.arrivalSec < b.arrivalSec : a.id < b.id
}
