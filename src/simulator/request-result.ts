import type { Slo } from '../scheduler/sequence.js'

/** What became of one request of a trace. Times in ms; NaN = there is none. */
export interface RequestResult {
  /** Place in the trace, from 0. */
  readonly index: number
  readonly arrivalMs: number
  readonly promptTokens: number
  readonly outputTokens: number
  readonly slo: Slo
  /** Why it has no answer; undefined = it has. */
  readonly failure: string | undefined
  /** Arrival to first token, and to last. */
  readonly ttftMs: number
  readonly e2eMs: number
  /** Waiting for a first row, in all turns. */
  readonly queueMs: number
  /** Waiting for tools; a part of `e2eMs`. */
  readonly toolMs: number
  readonly preemptions: number
  /** 0 to 1, see `Reading`; missing = not observed, or there were tools. */
  readonly qoe?: number
  /** Prompt tokens whose KV was there. */
  readonly cachedTokens: number
}

/** Time for each token after the first, without the tools' time; NaN for fewer than two tokens. */
export function tpotMs ({ ttftMs, e2eMs, toolMs, outputTokens }: RequestResult): number {
  return outputTokens < 2 ? NaN : (e2eMs - toolMs - ttftMs) / (outputTokens - 1)
}

/** Whether the request got what it wished for; undefined when it had no wish. */
export function isSloMet (result: RequestResult): boolean | undefined {
  const { ttftMs, tpotMs: tpotSloMs, deadlineMs } = result.slo
  if (ttftMs === undefined && tpotSloMs === undefined && deadlineMs === undefined) return undefined
  if (result.failure !== undefined) return false
  const tpot = tpotMs(result)
  return result.ttftMs <= (ttftMs ?? Infinity) && result.e2eMs <= (deadlineMs ?? Infinity) &&
    (Number.isNaN(tpot) || tpot <= (tpotSloMs ?? Infinity))
}
