import { SeededRandom, wholeTokens } from '../random.js'
import type { TraceRequest } from '../trace-request.js'
import { burstyArrivals, poissonArrivals } from './arrivals.js'

/** What every generator is told. */
export interface WorkloadOptions {
  readonly requests: number
  readonly ratePerSec: number
  readonly seed: number
}

/** Every minute, ten seconds with five times the requests. */
const bursts = { burstMs: 10_000, periodMs: 60_000, factor: 5 }

/** Chat: prompts around 200 tokens and answers around 120, both with long tails; a first token within 2 s, then 10 a second. */
export function chatTrace (options: WorkloadOptions, isBursty = false): TraceRequest[] {
  const random = new SeededRandom(options.seed)
  const arrivals = isBursty
    ? burstyArrivals(random, options.requests, options.ratePerSec, bursts)
    : poissonArrivals(random, options.requests, options.ratePerSec)
  return arrivals.map(arrivalMs => ({
    arrivalMs,
    promptTokens: wholeTokens(random.lognormal(200, 1), 4, 8192),
    outputTokens: wholeTokens(random.lognormal(120, 0.9), 1, 2048),
    slo: { ttftMs: 2000, tpotMs: 100 }
  }))
}
