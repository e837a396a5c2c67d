import type { FastifyRequest } from 'fastify'
import type { GenerationResult } from '../engine/api.js'

const resultsOf = new WeakMap<FastifyRequest, readonly GenerationResult[]>()

/** Keeps what a request's log line is to tell of its answers. */
export function noteResults (request: FastifyRequest, results: readonly GenerationResult[]): void {
  resultsOf.set(request, results)
}

/** Undefined for requests that generate nothing, or failed. */
export function notedResults (request: FastifyRequest): readonly GenerationResult[] | undefined {
  return resultsOf.get(request)
}
