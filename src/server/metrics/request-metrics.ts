import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Counter, type Registry } from 'prom-client'
import type { GenerationResult } from '../../engine/api.js'
import { RateLimitError } from '../errors.js'
import { notedResults } from '../noted-results.js'
import { engineLabels } from './engine-collector.js'

const modes = ['streaming', 'non_streaming']
const outcomes = ['tool_call', 'no_tool_call']
const requestTypes = ['chat_completions', 'responses']

export interface RequestMetrics {
  readonly toolAnswers: Counter
  readonly rateLimited: Counter
}

/** What the engine does not know of requests. */
export function requestMetrics (registry: Registry, modelNames: () => readonly string[]): RequestMetrics {
  const registers = [registry]
  const toolAnswers: Counter = new Counter({
    name: 'vllm:tool_call_parser_invocations_total',
    help: 'Answers to requests with tools, by whether they call any (tool_call, no_tool_call), mode (streaming, non_streaming) and type of request (chat_completions, responses). ' +
      'An answer counts once, streamed or not.',
    labelNames: [...engineLabels, 'mode', 'outcome', 'request_type'],
    registers,
    // All of them are there from the start.
    collect: () => {
      for (const name of modelNames()) {
        for (const mode of modes) for (const outcome of outcomes) for (const type of requestTypes) toolAnswers.inc(labelsOf(name, mode, outcome, type), 0)
      }
    }
  })
  const rateLimited: Counter = new Counter({
    name: 'millrace:rate_limited_requests_total',
    help: 'Requests that were refused because their key has used what it may in a minute, by what that was: requests or tokens.',
    labelNames: ['limit'],
    registers
  })
  for (const limit of ['requests', 'tokens']) rateLimited.inc({ limit }, 0)
  return { toolAnswers, rateLimited }
}

export function countRequests (app: FastifyInstance, { toolAnswers, rateLimited }: RequestMetrics): void {
  app.addHook('onError', async (_request, _reply, error) => {
    if (error instanceof RateLimitError) rateLimited.inc({ limit: error.what })
  })
  app.addHook('onResponse', async request => {
    const results = notedResults(request)
    const { tools, tool_choice: choice, model = '', stream } = (request.body ?? {}) as { tools?: unknown[] | null, tool_choice?: unknown, model?: string, stream?: boolean | null }
    if (results === undefined || (tools ?? []).length === 0 || choice === 'none') return
    for (const outcome of outcomesOf(results)) toolAnswers.inc(labelsOf(model, stream === true ? 'streaming' : 'non_streaming', outcome, typeOf(request)))
  })
}

function outcomesOf (results: readonly GenerationResult[]): string[] {
  return results.flatMap(({ choices }) => choices.map(({ toolCalls = [] }) => toolCalls.length > 0 ? 'tool_call' : 'no_tool_call'))
}

function typeOf ({ routeOptions: { url = '' } }: FastifyRequest): string {
  return url.endsWith('/responses') ? 'responses' : 'chat_completions'
}

function labelsOf (modelName: string, mode: string, outcome: string, requestType: string): Record<string, string> {
  return { model_name: modelName, engine: '0', mode, outcome, request_type: requestType }
}
