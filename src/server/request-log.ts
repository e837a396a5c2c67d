import type { FastifyReply, FastifyRequest } from 'fastify'
import type { GenerationResult } from '../engine/api.js'
import { sumUsage } from './generation-request.js'
import { notedResults } from './noted-results.js'
import type { ServerOptions } from './options.js'
import { traceOf } from './trace-context.js'

/** One line when an answer has gone out, or its client has left. */
export function logRequest (request: FastifyRequest, reply: FastifyReply, { logPrompts }: Pick<ServerOptions, 'logPrompts'>): void {
  const results = notedResults(request)
  request.log.info({
    ...traceOf(request.headers),
    method: request.method,
    route: request.routeOptions.url ?? 'unknown',
    key: request.caller?.name,
    status: reply.raw.statusCode,
    ms: Math.round(reply.elapsedTime),
    complete: reply.raw.writableFinished,
    ...results === undefined ? {} : answerFields(request, results),
    ...logPrompts ? textFields(request, results) : {}
  }, 'request')
}

function answerFields (request: FastifyRequest, results: readonly GenerationResult[]): object {
  const [{ timeline }] = results as [GenerationResult]
  return {
    model: (request.body as { model?: unknown }).model,
    ...sumUsage(results.map(({ usage }) => usage)),
    queueMs: Math.round(timeline.queueMs),
    ttftMs: timeline.ttftMs === undefined ? undefined : Math.round(timeline.ttftMs),
    finishReasons: [...new Set(results.flatMap(({ choices }) => choices.map(({ finishReason }) => finishReason)))]
  }
}

function textFields ({ body }: FastifyRequest, results: readonly GenerationResult[] = []): object {
  if (typeof body !== 'object' || body === null) return {}
  const { messages, prompt, input } = body as Record<string, unknown>
  return { prompt: messages ?? prompt ?? input, answers: results.flatMap(({ choices }) => choices.map(({ text }) => text)) }
}
