import type { FastifyError } from 'fastify'
import { errorCodes } from '../core/error-codes.js'
import { samplingParamNames } from '../core/resolve-sampling-params.js'
import { BodyTooLargeError, InvalidParameterError, MalformedRequestError, MillraceError, TryLaterError, UnsupportedMediaTypeError } from './errors.js'
import { describeValidation } from './validation-message.js'

/** OpenAI's error object: every answer that is not a success has this body and no other field. */
export interface OpenAiErrorBody {
  readonly error: {
    readonly message: string
    readonly type: string
    readonly param: string | null
    readonly code: string | null
  }
}

export interface ErrorAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: OpenAiErrorBody
  /** The failure is ours and belongs in the log. */
  readonly isInternal: boolean
}

/** Codes that OpenAI's clients look for; the others are sent as they are. */
const apiCodes = new Map(errorCodes.flatMap(({ code, apiCode }) => apiCode === undefined ? [] : [[code, apiCode]]))

/** The answer to any error: what we raised ourselves keeps its text, everything else becomes a plain 500. */
export function answerTo (error: unknown, bodyLimitBytes: number): ErrorAnswer {
  const known = asMillraceError(error, bodyLimitBytes)
  if (known === undefined) {
    return {
      status: 500,
      headers: { 'x-should-retry': 'true' },
      body: errorBody('The server failed to answer; the cause is in its log under this answer\'s x-request-id.', 'server_error', null, 'ERR_INTERNAL'),
      isInternal: true
    }
  }
  return {
    status: known.statusCode,
    headers: retryHeaders(known),
    body: errorBody(apiMessage(known), typeOf(known), apiName(known.param), apiCodes.get(known.code) ?? known.code),
    isInternal: known.statusCode >= 500 && !(known instanceof TryLaterError)
  }
}

function errorBody (message: string, type: string, param: string | null, code: string): OpenAiErrorBody {
  return { error: { message, type, param, code } }
}

/** Fastify's own errors, and those of its parsers, in our terms. */
function asMillraceError (error: unknown, bodyLimitBytes: number): MillraceError | undefined {
  if (error instanceof MillraceError) return error
  if (!(error instanceof Error)) return undefined
  const { code, validation, statusCode } = error as Partial<FastifyError>
  if (validation !== undefined) {
    const { param, message } = describeValidation(validation)
    return new InvalidParameterError(param, message)
  }
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE': return new BodyTooLargeError(bodyLimitBytes)
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE': return new UnsupportedMediaTypeError('The body must be JSON: send "Content-Type: application/json".')
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
    case 'FST_ERR_CTP_EMPTY_JSON_BODY': return new MalformedRequestError('The body is not valid JSON. Send one JSON object.')
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH': return new MalformedRequestError('The body does not have the length that Content-Length says.')
    case 'FST_ERR_BAD_URL': return new MalformedRequestError('The path is not a valid URL path. Check its percent-encoding.')
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) return new MalformedRequestError('The request is not valid.')
  return undefined
}

function typeOf (error: MillraceError): string {
  switch (error.statusCode) {
    case 429: return 'rate_limit_error'
    case 503: return 'unavailable_error'
    default: return error.statusCode < 500 ? 'invalid_request_error' : 'server_error'
  }
}

/** Official clients repeat 408, 409, 429 and 5xx; what fails the same way every time is marked. */
function retryHeaders (error: MillraceError): Record<string, string> {
  if (error instanceof TryLaterError) {
    return {
      'retry-after': String(Math.ceil(error.retryAfterMs / 1000)),
      'retry-after-ms': String(error.retryAfterMs),
      'x-should-retry': 'true'
    }
  }
  const passes = error.statusCode === 408 || error.statusCode === 429 || error.statusCode >= 500
  return { 'x-should-retry': String(passes && error.statusCode !== 501) }
}

/** The engine names its options in camel case; the API's fields are the same words in snake case. */
function apiName (param: string | undefined): string | null {
  // Names within a request's own values, such as those of a schema, are what they are.
  return param === undefined || param === '' ? null : param.replace(/^(?:slo\.)?\w+/, name => name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`))
}

/** Messages about one option may name another, such as maxTokens beside minTokens. */
function apiMessage ({ message, param }: MillraceError): string {
  if (param === undefined || !/^[a-z]+[A-Z]/.test(param)) return message
  return [param, ...samplingParamNames].reduce((text, name) => text.replaceAll(name, apiName(name)!), message)
}
