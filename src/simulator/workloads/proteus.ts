import { SeededRandom } from '../random.js'
import { linearTimes, type StepTimes } from '../step-times.js'
import type { TraceRequest } from '../trace-request.js'
import { poissonArrivals } from './arrivals.js'
import type { WorkloadOptions } from './chat.js'

/** 256 sequences on a GPU whose steps take as long whatever is in them: 38 answers of 50 tokens a second. */
export const proteusTimes: StepTimes = linearTimes({ fixedMs: 129.9, prefillTokenMs: 0, decodeMs: 0, contextTokenMs: 0, prefillContextTokenMs: 0 })

export interface LinkKind {
  readonly name: string
  readonly share: number
  readonly rttMeanMs: number
  readonly rttDeviationMs: number
}

/** Of half a fibre town, and a tail of satellites. */
export const linkKinds: readonly LinkKind[] = [
  { name: 'very good', share: 0.5, rttMeanMs: 20, rttDeviationMs: 10 },
  { name: 'good', share: 0.4, rttMeanMs: 200, rttDeviationMs: 30 },
  { name: 'bad', share: 0.09, rttMeanMs: 700, rttDeviationMs: 80 },
  { name: 'very bad', share: 0.01, rttMeanMs: 2000, rttDeviationMs: 400 }
]

/** One whose kind of link is known by name. */
export interface LinkRequest extends TraceRequest {
  readonly link: string
  readonly rttMs: number
}

/** Proteus's requests: all alike but for the link, over which each takes half its round trip to come. */
export function proteusTrace ({ requests, ratePerSec, seed }: WorkloadOptions): LinkRequest[] {
  const random = new SeededRandom(seed)
  return poissonArrivals(random, requests, ratePerSec).map((sentMs): LinkRequest => {
    const { name, rttMeanMs, rttDeviationMs } = kindAt(random.next())
    const rttMs = Math.max(1, rttMeanMs + rttDeviationMs * random.normal())
    return { arrivalMs: sentMs + rttMs / 2, promptTokens: 16, outputTokens: 50, maxTokens: 50, rttMs, link: name }
  }).sort((a, b) => a.arrivalMs - b.arrivalMs)
}

function kindAt (share: number): LinkKind {
  let rest = share
  return linkKinds.find(kind => (rest -= kind.share) < 0) ?? linkKinds.at(-1)!
}
