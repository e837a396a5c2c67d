import type { FastifyReply, FastifyRequest, RouteShorthandOptions } from 'fastify'
import type { TObject, TSchema } from 'typebox'
import { didYouMean } from '../core/suggest.js'
import { InvalidParameterError, MalformedRequestError } from './errors.js'
import { chatAnswer, chatEvent, completionAnswer, completionEvent, detokenizeAnswer, embeddingsAnswer, tokenizeAnswer } from './schemas/answers.js'
import { responseAnswer, responseEvent } from './schemas/response-answers.js'
import { ignoredFieldsHeader, sortFields, type Endpoint } from './schemas/unsupported-fields.js'
import { separateTenants } from './tenants.js'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Refused with 503 while there is no engine. */
    needsEngine?: boolean
  }
}

const summaries: Readonly<Record<Endpoint, string>> = {
  chat: 'Answers messages.',
  completions: 'Continues texts or token ids.',
  responses: 'Answers items, and stores the answer.',
  embeddings: 'Vectors of texts or token ids.',
  tokenize: 'Token ids of a text or of messages.',
  detokenize: 'The text of token ids.'
}

const answers: Readonly<Record<Endpoint, { json: TSchema, event?: TSchema }>> = {
  chat: { json: chatAnswer, event: chatEvent },
  completions: { json: completionAnswer, event: completionEvent },
  responses: { json: responseAnswer, event: responseEvent },
  embeddings: { json: embeddingsAnswer },
  tokenize: { json: tokenizeAnswer },
  detokenize: { json: detokenizeAnswer }
}

/**
 * What generating routes have in common: JSON bodies checked by a schema, in which null means "not
 * given"; fields that nobody knows are ignored and named in a header, or refused by a strict server.
 */
export function jsonRoute (endpoint: Endpoint, body: TObject): RouteShorthandOptions {
  const schemaFields = new Set(Object.keys(body.properties))
  return {
    schema: { body },
    config: { needsEngine: true, summary: summaries[endpoint], answer: answers[endpoint] },
    preValidation: async (request: FastifyRequest) => { request.body = withoutNulls(request.body) },
    preHandler: async (request: FastifyRequest, reply: FastifyReply) => {
      const ignored = sortFields(request.body as object, endpoint, schemaFields)
      if (ignored.length > 0 && request.server.strictFields) throw unknownField(ignored[0]!, schemaFields)
      if (ignored.length > 0) reply.header('x-millrace-ignored-fields', ignoredFieldsHeader(ignored))
      separateTenants(request.body as object, request.caller!, request.server.sharePrefixes)
    }
  }
}

function unknownField (name: string, known: ReadonlySet<string>): InvalidParameterError {
  const shown = ignoredFieldsHeader([name])
  return new InvalidParameterError(shown, `There is no field ${shown}, and this server is strict (--strict-fields).${didYouMean(name, [...known])}`)
}

/** Far more than there are fields in any API. */
const maxFields = 500

/** @throws MalformedRequestError for more fields than anybody could mean */
function withoutNulls (body: unknown): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body
  if (Object.keys(body).length > maxFields) throw new MalformedRequestError(`The body has more than ${maxFields} fields. Send those that are needed.`)
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null))
}
