import type { Slo, ToolForecast } from '../scheduler/sequence.js'

/** A tool that a request calls: after `tokens` of output it waits, then reads the result. */
export interface TraceTool extends ToolForecast {
  readonly name?: string
}

/** One request of a trace: what was asked, and what came of it. */
export interface TraceRequest {
  readonly arrivalMs: number
  readonly promptTokens: number
  /** After the last tool, if there are tools. */
  readonly outputTokens: number
  /** Limit that the client set on each turn; missing = none but the model's. */
  readonly maxTokens?: number
  readonly priority?: number
  readonly slo?: Slo
  /** Round trip to the client. */
  readonly rttMs?: number
  /** What the client takes, reading or over its link; missing = as fast as people read. */
  readonly readingTokensPerSec?: number
  /** Requests of one session have one text: each prompt begins as the turns before it, answers included. */
  readonly sessionId?: string
  /** Blocks of `prefixIdTokens` prompt tokens with equal ids have equal text. */
  readonly prefixIds?: readonly number[]
  /** What a profiler said of `outputTokens`: for times, and for memory. */
  readonly predictedTokens?: number
  readonly reservedTokens?: number
  readonly tools?: readonly TraceTool[]
  /** What a profiler said of `tools`; missing = nothing is known of them. */
  readonly toolForecasts?: readonly ToolForecast[]
}

/** Tokens that one of `prefixIds` stands for, as in Mooncake's traces. */
export const prefixIdTokens = 512

/** All tokens that it generates, in all turns. */
export function totalOutputTokens (request: TraceRequest): number {
  return (request.tools ?? []).reduce((sum, { tokens }) => sum + tokens, request.outputTokens)
}
