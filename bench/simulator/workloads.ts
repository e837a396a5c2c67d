// Loads that one small machine can bear, of the shapes that the simulated benchmarks have.
import type { PolicyName } from '../../src/scheduler/policies/index.js'
import { SeededRandom, wholeTokens } from '../../src/simulator/random.js'
import type { RequestResult } from '../../src/simulator/request-result.js'
import { isSloMet } from '../../src/simulator/request-result.js'
import type { TraceRequest } from '../../src/simulator/trace-request.js'
import { poissonArrivals } from '../../src/simulator/workloads/arrivals.js'
import { augserveTrace } from '../../src/simulator/workloads/augserve.js'
import type { WorkloadOptions } from '../../src/simulator/workloads/chat.js'
import { withBuckets, withExactLengths } from '../../src/simulator/workloads/predictions.js'
import { uellmTrace } from '../../src/simulator/workloads/uellm.js'

export const predictionKinds = ['known', 'buckets', 'none'] as const
export type Predictions = (typeof predictionKinds)[number]

export interface TraceOptions extends WorkloadOptions {
  /** Times that requests ask for are so many times those of the workload. */
  readonly timeScale: number
  readonly predictions: Predictions
}

export interface RealWorkload {
  readonly policies: readonly PolicyName[]
  readonly maxNumSeqs: number
  readonly maxModelLen: number
  readonly requests: number
  readonly ratePerSec: number
  readonly timeScale: number
  trace (options: TraceOptions): TraceRequest[]
  /** Whether a request got what it wished for; undefined = it wished for nothing. */
  isMet (result: RequestResult, timeScale: number): boolean | undefined
}

/** Rates and scales are those of the shape `small` on two cores: at its knee, or past it. */
export const realWorkloads = {
  chat: {
    policies: ['adaptive'],
    maxNumSeqs: 16,
    maxModelLen: 2048,
    requests: 20,
    ratePerSec: 1.2,
    timeScale: 1,
    trace: chatTrace,
    isMet: isSloMet
  },
  uellm: {
    policies: ['fcfs', 'slo-odbs', 'adaptive'],
    maxNumSeqs: 32,
    maxModelLen: 4096,
    requests: 250,
    ratePerSec: 45,
    timeScale: 1 / 20,
    trace: options => predicted(uellmTrace(options), options).map(request => withTimes(request, options.timeScale)),
    isMet: isSloMet
  },
  augserve: {
    policies: ['fcfs', 'augserve', 'adaptive'],
    maxNumSeqs: 32,
    maxModelLen: 8192,
    requests: 60,
    ratePerSec: 7,
    timeScale: 1 / 5,
    trace: options => augserveTrace(options).map((request, index) => withShortTools(withTimes(request, options.timeScale), index)),
    isMet: ({ failure, ttftMs, e2eMs, toolMs, outputTokens }, timeScale) =>
      failure === undefined && ttftMs <= timeScale * 3000 && e2eMs - toolMs <= timeScale * (3000 + 100 * outputTokens)
  }
} satisfies Record<string, RealWorkload>

export type RealWorkloadName = keyof typeof realWorkloads

/** Without wishes: prompts of 120 tokens and answers of 60 in the middle, unless told otherwise. */
function chatTrace ({ requests, ratePerSec, seed, predictions }: TraceOptions): TraceRequest[] {
  const random = new SeededRandom(seed)
  const trace = poissonArrivals(random, requests, ratePerSec).map(arrivalMs => {
    const outputTokens = wholeTokens(random.lognormal(60, 0.7), 1, 400)
    return { arrivalMs, promptTokens: wholeTokens(random.lognormal(120, 0.8), 4, 1200), outputTokens }
  })
  return predicted(trace, { seed, predictions })
}

/** Mean of a lognormal distribution with the median 90 and sigma 1.1. */
const meanTokens = 165

function predicted (trace: readonly TraceRequest[], { seed, predictions }: Pick<TraceOptions, 'seed' | 'predictions'>): TraceRequest[] {
  if (predictions === 'known') return withExactLengths(trace)
  if (predictions === 'buckets') return withBuckets(trace, 0.8, new SeededRandom(1000 + seed))
  return trace.map(request => ({ ...request, predictedTokens: meanTokens, reservedTokens: meanTokens }))
}

function withTimes (request: TraceRequest, factor: number): TraceRequest {
  const { slo } = request
  if (slo === undefined) return request
  return { ...request, slo: Object.fromEntries(Object.entries(slo).map(([name, ms]) => [name, Number(ms) * factor])) }
}

/** Twelve calls of half a minute would be all of a short run. What is called is not foretold: an engine is not told either. */
function withShortTools ({ toolForecasts: _, tools, ...request }: TraceRequest, index: number): TraceRequest {
  return {
    ...request,
    sessionId: `request ${index}`,
    ...tools !== undefined && { tools: tools.slice(0, 4).map(tool => ({ ...tool, durationMs: tool.durationMs / 20 })) }
  }
}
