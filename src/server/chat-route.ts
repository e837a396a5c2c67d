import type { FastifyInstance } from 'fastify'
import type { ChatOptions } from '../engine/api.js'
import { ChatEvents, chatCompletion } from './chat-format.js'
import { checkToolsBeside, constraintError, readConstraint } from './constraint.js'
import { InvalidParameterError } from './errors.js'
import { answerHead, finishAll, startRequest, streamAll } from './generation-request.js'
import { readMessages } from './messages.js'
import { jsonRoute } from './json-route.js'
import { chatRequest, type ChatRequest } from './schemas/chat-request.js'
import { checkSampling, samplingOptions } from './schemas/sampling-fields.js'
import type { ServerContext } from './server-context.js'
import { templateVariables } from './template-variables.js'
import { timingsJson } from './timings.js'
import { toolOptions } from './tool-options.js'

/** POST /v1/chat/completions */
export function registerChat (app: FastifyInstance, context: ServerContext): void {
  app.post<{ Body: ChatRequest }>('/v1/chat/completions', jsonRoute('chat', chatRequest), async (request, reply) => {
    const { body } = request
    const engine = context.host.engine(body.model)
    checkRequest(body)
    const messages = readMessages(body.messages)
    const options = requestOptions(body)
    const constraint = readConstraint(body)
    checkToolsBeside(constraint, options)
    const head = answerHead('chatcmpl', body.model)
    const active = startRequest(context, reply)
    const generation = engine.chat({ messages, ...options, constraint: constraint?.constraint, requestId: head.id, signal: active.signal, giveUpMs: active.giveUpMs })
    if (body.stream === true) {
      const includeUsage = body.stream_options?.include_usage === true
      const obfuscate = body.stream_options?.include_obfuscation === true
      const format = new ChatEvents(head, { n: body.n ?? 1, includeUsage, obfuscate, includeReasoning: body.include_reasoning !== false, includeTimings: body.include_timings === true })
      await streamAll({ context, request, reply, active, generations: [generation], format }).catch(error => { throw constraintError(error, constraint) })
      return reply
    }
    const results = await finishAll(request, active, [generation]).catch(error => { throw constraintError(error, constraint) })
    if (results === undefined) return reply.hijack()
    const answer = chatCompletion(head, results[0]!, body.include_reasoning)
    return body.include_timings === true ? { ...answer, timings: timingsJson(results) } : answer
  })
}

function checkRequest (body: ChatRequest): void {
  checkSampling(body)
  if (body.top_logprobs !== undefined && body.logprobs !== true) {
    throw new InvalidParameterError('top_logprobs', 'top_logprobs needs "logprobs": true.')
  }
  const continues = body.continue_final_message ?? false
  if ((body.add_generation_prompt ?? !continues) === continues) {
    throw new InvalidParameterError('add_generation_prompt', continues
      ? 'An answer cannot go on with the last message and begin one of its own: leave out add_generation_prompt or continue_final_message.'
      : 'An answer begins after the generation prompt; leave out add_generation_prompt, or send "continue_final_message": true to go on with the last message.')
  }
}

function requestOptions (body: ChatRequest): Omit<ChatOptions, 'messages'> {
  return {
    ...samplingOptions(body),
    ...toolOptions(body),
    maxTokens: body.max_completion_tokens ?? body.max_tokens,
    logprobs: body.logprobs,
    topLogprobs: body.top_logprobs,
    templateVariables: templateVariables(body.reasoning_effort, body.chat_template_kwargs),
    continueFinalMessage: body.continue_final_message
  }
}
