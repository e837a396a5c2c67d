import type { GenerationResult } from '../engine/api.js'

/** How an answer went, in one line: TTFT, and the speed of the tokens after the first. */
export function answerStats ({ usage, timeline, choices }: GenerationResult): string {
  const { promptTokens, completionTokens, cachedTokens } = usage
  const parts = [`${completionTokens} token${completionTokens === 1 ? '' : 's'}`]
  if (timeline.ttftMs !== undefined) parts.push(`TTFT ${timeline.ttftMs.toFixed(0)} ms`)
  if (timeline.ttftMs !== undefined && completionTokens > 1) {
    const tokensPerSec = (completionTokens - 1) / ((timeline.e2eMs - timeline.ttftMs) / 1000)
    parts.push(`${tokensPerSec.toFixed(1)} tokens/s`)
  }
  parts.push(`prompt of ${promptTokens}${cachedTokens > 0 ? `, ${cachedTokens} cached` : ''}`)
  if (choices[0]?.finishReason === 'length') parts.push('ended by the limit of tokens')
  if (choices[0]?.finishReason === 'abort') parts.push('interrupted')
  return parts.join(', ')
}
