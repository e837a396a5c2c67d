import type { FastifyInstance } from 'fastify'
import { randomUUID } from 'node:crypto'
import type { ChatMessage, ChatOptions } from '../../engine/api.js'
import { checkToolsBeside, constraintError, type NamedConstraint, readConstraint } from '../constraint.js'
import { InvalidParameterError, UnknownResponseError, UnsupportedFieldError } from '../errors.js'
import { answerHead, finishAll, startRequest, streamAll } from '../generation-request.js'
import { jsonRoute } from '../json-route.js'
import { responsesRequest, type ResponsesRequest } from '../schemas/responses-request.js'
import { checkSampling, samplingOptions } from '../schemas/sampling-fields.js'
import type { ServerContext } from '../server-context.js'
import { templateVariables } from '../template-variables.js'
import { toolOptions } from '../tool-options.js'
import { itemsOf, readItems } from './input-items.js'
import { ResponseEvents } from './response-events.js'
import { finishedResponse, type FinishedResponse, type ResponseHead } from './response-object.js'
import { ownerOf, ResponseStore } from './response-store.js'
import { chatTools } from './response-tools.js'
import { registerStoredResponses } from './stored-routes.js'

/** POST /v1/responses, and what can be done with those that are stored. */
export function registerResponses (app: FastifyInstance, context: ServerContext): void {
  const { responseStoreEntries: maxEntries, responseStoreBytes: maxBytes, responseStoreIdleMs: maxIdleMs } = context.options
  const store = new ResponseStore({ maxEntries, maxBytes, maxIdleMs })
  registerStoredResponses(app, store)

  app.post<{ Body: ResponsesRequest }>('/v1/responses', jsonRoute('responses', responsesRequest), async (request, reply) => {
    const { body } = request
    const engine = context.host.engine(body.model)
    checkRequest(body)
    const owner = ownerOf(request.headers.authorization)
    const input = itemsOf(body.input)
    const conversation = readItems(previousConversation(store, body, owner), input)
    const head = responseHead(body)
    const finished = (response: FinishedResponse): void => {
      if (!head.isStored) return
      store.put({ owner, response, input: input.map(item => ({ ...item, id: itemId() })), conversation: readItems(conversation, response.output) })
    }
    const constraint = constraintOf(body)
    const options = { messages: withInstructions(body.instructions, conversation), ...requestOptions(body), constraint: constraint?.constraint, requestId: head.id }
    checkToolsBeside(constraint, options)
    const active = startRequest(context, reply)
    const generation = engine.chat({ ...options, signal: active.signal, giveUpMs: active.giveUpMs })
    if (body.stream === true) {
      const format = new ResponseEvents(head, { obfuscate: body.stream_options?.include_obfuscation === true, onFinished: finished })
      await streamAll({ context, request, reply, active, generations: [generation], format }).catch(error => { throw constraintError(error, constraint) })
      return reply
    }
    const results = await finishAll(request, active, [generation]).catch(error => { throw constraintError(error, constraint) })
    if (results === undefined) return reply.hijack()
    const response = finishedResponse(head, results[0]!)
    finished(response)
    return response
  })
}

const logprobsOfText = 'message.output_text.logprobs'
/** Thoughts come as they are, so that the second asks for nothing. */
const includable = [logprobsOfText, 'reasoning.encrypted_content']

/** @throws InvalidParameterError, UnsupportedFieldError */
function checkRequest (body: ResponsesRequest): void {
  checkSampling(body)
  if (body.truncation === 'auto') {
    throw new UnsupportedFieldError('truncation', 'truncation must be "disabled": prompts are never cut. Send a shorter input.')
  }
  const unknown = body.include?.find(name => !includable.includes(name))
  if (unknown !== undefined) {
    throw new UnsupportedFieldError('include', `include asks for ${JSON.stringify(unknown.slice(0, 60))}, which is not supported; there is ${logprobsOfText}.`)
  }
  if (body.top_logprobs !== undefined && body.top_logprobs > 0 && body.include?.includes(logprobsOfText) !== true) {
    throw new InvalidParameterError('top_logprobs', `top_logprobs needs "include": ["${logprobsOfText}"].`)
  }
}

function itemId (): string {
  return `msg_${randomUUID().replaceAll('-', '')}`
}

function responseHead (body: ResponsesRequest): ResponseHead {
  const { id, created } = answerHead('resp', body.model)
  return { id: id.replace('-', '_'), createdAt: created, body, isStored: body.store !== false }
}

/** @throws UnknownResponseError */
function previousConversation (store: ResponseStore, { previous_response_id: id }: ResponsesRequest, owner: string): readonly ChatMessage[] {
  if (id === undefined) return []
  const stored = store.get(id, owner)
  if (stored === undefined) throw new UnknownResponseError(id, 'previous_response_id')
  return stored.conversation
}

/** Of this response only: the next one that builds on it has its own. */
function withInstructions (instructions: string | undefined, conversation: readonly ChatMessage[]): readonly ChatMessage[] {
  return instructions === undefined ? conversation : [{ role: 'system', content: instructions }, ...conversation]
}

/** @throws InvalidParameterError */
function constraintOf (body: ResponsesRequest): NamedConstraint | undefined {
  const other = readConstraint(body)
  const format = body.text?.format
  if (format == null || format.type === 'text') return other
  if (other !== undefined) throw new InvalidParameterError('text.format', 'text.format and another field that constrains the answer cannot both be kept; send one of them.')
  return format.type === 'json_schema'
    ? { param: 'text.format.schema', constraint: { type: 'jsonSchema', schema: format.schema as Readonly<Record<string, unknown>> | boolean } }
    : { param: 'text.format', constraint: { type: 'jsonObject' } }
}

function requestOptions (body: ResponsesRequest): Omit<ChatOptions, 'messages'> {
  const wantsLogprobs = body.include?.includes(logprobsOfText) === true
  return {
    ...samplingOptions(body),
    ...toolOptions(chatTools(body)),
    maxTokens: body.max_output_tokens,
    logprobs: wantsLogprobs,
    topLogprobs: wantsLogprobs ? body.top_logprobs : undefined,
    templateVariables: templateVariables(body.reasoning?.effort, body.chat_template_kwargs)
  }
}
