import { prefixIdTokens, type TraceRequest } from './trace-request.js'

/**
 * Token ids of a request, prompt and output: equal where its text is equal to that of others. Undefined
 * when the trace says nothing of shared text: then any ids do.
 */
export function textOf (request: TraceRequest): ((position: number) => number) | undefined {
  const { sessionId, prefixIds } = request
  if (prefixIds !== undefined && prefixIds.length > 0) {
    const last = prefixIds.length - 1
    return position => mix(prefixIds[Math.min(last, Math.floor(position / prefixIdTokens))]!, position)
  }
  if (sessionId === undefined) return undefined
  const seed = hash(sessionId)
  return position => mix(seed, position)
}

/** 31 bits of both numbers. */
function mix (a: number, b: number): number {
  let h = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(b + 0x7f4a7c15, 0xc2b2ae35)
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d)
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39)
  return (h ^ (h >>> 15)) & 0x7fffffff
}

/** FNV-1a. */
function hash (text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return h >>> 0
}
