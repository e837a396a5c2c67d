import { Type } from 'typebox'
import type { GenerationResult } from '../engine/api.js'

/** The field that asks for `timings` in the answer, of endpoints that have them. */
export const timingsField = { include_timings: Type.Optional(Type.Boolean()) }

/** Where a request's time went, in ms. Of a request with several prompts, that of the one which took longest. */
export function timingsJson (results: readonly GenerationResult[]): object {
  const { timeline } = results.reduce((longest, result) => result.timeline.e2eMs > longest.timeline.e2eMs ? result : longest)
  return {
    queue_ms: rounded(timeline.queueMs),
    prefill_ms: rounded(timeline.prefillMs),
    decode_ms: rounded(timeline.decodeMs),
    preempted_ms: rounded(timeline.preemptedMs),
    tool_ms: rounded(timeline.toolMs),
    ttft_ms: timeline.ttftMs === undefined ? null : rounded(timeline.ttftMs),
    e2e_ms: rounded(timeline.e2eMs),
    preemptions: timeline.preemptions
  }
}

/** The fields of a stream's last event before its end, if the request asked for any. */
export function closingFields (results: readonly GenerationResult[], { usage, timings }: { usage: object | undefined, timings: boolean }): string {
  return (usage === undefined ? '' : `,"usage":${JSON.stringify(usage)}`) + (timings ? `,"timings":${JSON.stringify(timingsJson(results))}` : '')
}

function rounded (ms: number): number {
  return Math.round(ms * 1000) / 1000
}
