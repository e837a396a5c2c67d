import type { RequestResult } from '../request-result.js'
import type { SimulationResult } from '../simulation.js'
import type { TraceRequest } from '../trace-request.js'
import { batchSec, type BatchCost } from './deadline-profile.js'
import type { StaticBatcher, StaticRequest } from './static-request.js'

export interface StaticOptions {
  readonly batcher: StaticBatcher
  /** Truth: lengths are those of the trace, not the predicted ones. */
  readonly cost: BatchCost
  /** The batcher sees so many waiting requests at most, the oldest. */
  readonly maxPlanned?: number
}

export interface StaticResult extends SimulationResult {
  /** Share of output slots that were padding: 0 to 1. */
  readonly waste: number
}

/**
 * One server that takes a batch, computes it to the end of its longest answer, and takes the next. Before
 * each, the batches are made anew from who waits then.
 */
export function simulateStatic (trace: readonly TraceRequest[], { batcher, cost, maxPlanned = 512 }: StaticOptions): StaticResult {
  const results: RequestResult[] = []
  let waiting: number[] = []
  let arrived = 0
  let nowMs = 0
  let [busyMs, steps, slots, tokens] = [0, 0, 0, 0]
  while (arrived < trace.length || waiting.length > 0) {
    if (waiting.length === 0) nowMs = Math.max(nowMs, trace[arrived]!.arrivalMs)
    while (arrived < trace.length && trace[arrived]!.arrivalMs <= nowMs) waiting.push(arrived++)
    const { batches, rejected } = batcher(waiting.slice(0, maxPlanned).map(index => staticRequest(trace[index]!, index, nowMs)))
    for (const index of rejected) results[index] = result(index, trace[index]!, 'It does not fit into the KV memory.')
    const batch = batches[0] ?? []
    const gone = new Set([...batch, ...rejected])
    waiting = waiting.filter(index => !gone.has(index))
    if (batch.length === 0) continue
    const requests = batch.map(index => trace[index]!)
    const maxInput = Math.max(...requests.map(({ promptTokens }) => promptTokens))
    const maxOutput = Math.max(...requests.map(({ outputTokens }) => outputTokens))
    const firstMs = nowMs + 1000 * batchSec(cost, batch.length, maxInput, 1)
    const endMs = nowMs + 1000 * batchSec(cost, batch.length, maxInput, maxOutput)
    for (const index of batch) results[index] = result(index, trace[index]!, undefined, nowMs, firstMs, endMs)
    slots += batch.length * maxOutput
    tokens += requests.reduce((sum, { outputTokens }) => sum + outputTokens, 0)
    steps += maxOutput
    busyMs += endMs - nowMs
    nowMs = endMs
  }
  return { requests: results, durationMs: nowMs, busyMs, steps, waste: slots === 0 ? 0 : 1 - tokens / slots }
}

function staticRequest (request: TraceRequest, index: number, nowMs: number): StaticRequest {
  return {
    id: index,
    inputTokens: request.promptTokens,
    outputTokens: request.predictedTokens ?? request.outputTokens,
    // Who has no deadline comes after all who do.
    sloSec: (request.arrivalMs + (request.slo?.deadlineMs ?? 1e9) - nowMs) / 1000,
    arrivalSec: request.arrivalMs / 1000
  }
}

function result (index: number, request: TraceRequest, failure: string | undefined, startMs = NaN, firstMs = NaN, endMs = NaN): RequestResult {
  const { arrivalMs, promptTokens, outputTokens, slo = {} } = request
  return {
    index,
    arrivalMs,
    promptTokens,
    outputTokens,
    slo,
    failure,
    ttftMs: firstMs - arrivalMs,
    e2eMs: endMs - arrivalMs,
    queueMs: startMs - arrivalMs,
    toolMs: 0,
    preemptions: 0,
    cachedTokens: 0
  }
}
