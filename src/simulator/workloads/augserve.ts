import { SeededRandom, wholeTokens } from '../random.js'
import { rooflineTimes, type StepTimes } from '../step-times.js'
import type { TraceRequest, TraceTool } from '../trace-request.js'
import { poissonArrivals } from './arrivals.js'
import type { WorkloadOptions } from './chat.js'

/** A 13B model in FP16 on one A100: 26 GB of weights and 0.8 MB of KV a token at 1.6 TB/s. */
export const augserveTimes: StepTimes = rooflineTimes({ fixedMs: 3, weightsMs: 15.94, tokenMs: 1 / 6.6, contextTokenMs: 0.000502 })
export const augservePoolTokens = 53_700
/** Over PCIe 4. */
export const augserveSwapTokenMs = 819_200 / 22e9 * 1000

interface ToolKind {
  readonly name: string
  readonly meanMs: number
  readonly meanCalls: number
  readonly resultTokens: number
}

/** As augmented requests were measured for InferCept (Abhyankar et al. 2024, arXiv:2402.01869): durations over five orders of magnitude. */
const toolKinds: readonly ToolKind[] = [
  { name: 'calculator', meanMs: 0.1, meanCalls: 3, resultTokens: 8 },
  { name: 'environment', meanMs: 90, meanCalls: 5, resultTokens: 20 },
  { name: 'search', meanMs: 690, meanCalls: 2.5, resultTokens: 60 },
  { name: 'speech', meanMs: 17_240, meanCalls: 2, resultTokens: 12 },
  { name: 'image', meanMs: 20_030, meanCalls: 2, resultTokens: 12 },
  { name: 'person', meanMs: 28_600, meanCalls: 3, resultTokens: 40 }
]

/**
 * Requests that call tools, each of one kind. Forecasts are what a profiler would have learnt: the usual
 * number of calls, tokens and durations of the kind.
 */
export function augserveTrace ({ requests, ratePerSec, seed }: WorkloadOptions): TraceRequest[] {
  const random = new SeededRandom(seed)
  return poissonArrivals(random, requests, ratePerSec).map(arrivalMs => {
    const kind = toolKinds[Math.floor(random.next() * toolKinds.length)]!
    const calls = Math.min(12, 1 + Math.floor(random.exponential(kind.meanCalls - 0.5)))
    const tools = Array.from({ length: calls }, (): TraceTool => ({
      name: kind.name,
      tokens: wholeTokens(random.lognormal(turnTokens, 0.6), 1, 512),
      durationMs: random.exponential(kind.meanMs),
      resultTokens: wholeTokens(random.lognormal(kind.resultTokens, 0.5), 1, 512)
    }))
    const forecast = { tokens: turnMean, durationMs: kind.meanMs, resultTokens: kind.resultTokens }
    return {
      arrivalMs,
      promptTokens: wholeTokens(random.lognormal(promptTokens, 0.8), 16, 3000),
      outputTokens: wholeTokens(random.lognormal(turnTokens, 0.6), 1, 512),
      slo: { ttftMs: 3000, tpotMs: 100 },
      tools,
      toolForecasts: Array.from({ length: Math.round(kind.meanCalls) }, () => forecast),
      predictedTokens: turnMean
    }
  })
}

const promptTokens = 320
const turnTokens = 50
/** Of a lognormal distribution with that median. */
const turnMean = Math.round(turnTokens * Math.exp(0.6 ** 2 / 2))
