import { SeededRandom, wholeTokens } from '../random.js'
import { linearTimes, type StepTimes } from '../step-times.js'
import type { TraceRequest } from '../trace-request.js'
import { poissonArrivals } from './arrivals.js'
import type { WorkloadOptions } from './chat.js'

/** ChatGLM2-6B on one GPU, about. */
export const uellmTimes: StepTimes = linearTimes({ fixedMs: 30, prefillTokenMs: 0.36, decodeMs: 0.35, contextTokenMs: 0, prefillContextTokenMs: 0 })

/** UELLM's requests: answers of 90 tokens in the middle, with a long tail, and deadlines anywhere between 1 s and 350 s. */
export function uellmTrace ({ requests, ratePerSec, seed }: WorkloadOptions): TraceRequest[] {
  const random = new SeededRandom(seed)
  return poissonArrivals(random, requests, ratePerSec).map(arrivalMs => ({
    arrivalMs,
    promptTokens: wholeTokens(random.lognormal(64, 0.8), 4, 1024),
    outputTokens: wholeTokens(random.lognormal(90, 1.1), 1, 2048),
    slo: { deadlineMs: 1000 * random.uniform(1, 350) }
  }))
}
