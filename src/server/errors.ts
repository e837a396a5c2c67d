import { InvalidParameterError, MillraceError, TryLaterError } from '../core/errors.js'

/** No key, or one that this server does not know. */
export class InvalidApiKeyError extends MillraceError {
  constructor (given: 'missing' | 'wrong' | 'notAdmin') {
    super('ERR_INVALID_API_KEY', 401, {
      missing: 'This server needs an API key: send it as "Authorization: Bearer <key>".',
      wrong: 'The API key is not one of this server\'s.',
      notAdmin: 'This route needs the server\'s admin key: send it as "Authorization: Bearer <key>".'
    }[given])
  }
}

/** A key has asked for more than it may within a minute. */
export class RateLimitError extends TryLaterError {
  readonly what: 'requests' | 'tokens'

  constructor (what: 'requests' | 'tokens', limit: number, waitMs: number) {
    super('ERR_RATE_LIMIT', 429, `This key may use ${limit} ${what} a minute, and has. Try again in ${(waitMs / 1000).toFixed(1)} s.`, Math.ceil(waitMs))
    this.what = what
  }
}

/** Binding beyond loopback without a key would let anybody on the network use the machine. */
export class ApiKeyRequiredError extends MillraceError {
  constructor (host: string) {
    super('ERR_API_KEY_REQUIRED', 500,
      `Listening on ${host} opens the server to other machines, so an API key is required: ` +
      'give one with --api-key or MILLRACE_API_KEY, listen on 127.0.0.1, or pass --insecure-no-api-key if anybody may use it.', 'apiKey')
  }
}

/** The request came to this machine by a name that anybody may have given it. */
export class ForeignHostError extends MillraceError {
  constructor (host: string) {
    super('ERR_FOREIGN_HOST', 403,
      `This server has no API key, so it answers to addresses and private names only, such as localhost, and not to ${host.slice(0, 80)}. ` +
      'Give it a key (--api-key), send another Host, or pass --insecure-no-api-key if anybody may use it.')
  }
}

export class PortInUseError extends MillraceError {
  constructor (host: string, port: number) {
    super('ERR_PORT_IN_USE', 500,
      `Port ${port} of ${host} is in use by another program. Choose another with --port or PORT (0 takes any free one).`, 'port')
  }
}

export class ListenError extends MillraceError {
  constructor (host: string, port: number, reason: string, param: 'host' | 'port') {
    super('ERR_LISTEN', 500, `Cannot listen on ${host}, port ${port}: ${reason}. Choose others with --host or HOST, and --port or PORT.`, param)
  }
}

export class TlsError extends MillraceError {
  constructor (message: string, param: 'tlsCert' | 'tlsKey') {
    super('ERR_TLS', 500, message, param)
  }
}

export class RouteNotFoundError extends MillraceError {
  constructor (method: string, path: string) {
    super('ERR_ROUTE_NOT_FOUND', 404, `There is no ${method} ${path.slice(0, 200)} here. There are POST /v1/chat/completions, POST /v1/completions and GET /v1/models.`)
  }
}

export class MethodNotAllowedError extends MillraceError {
  readonly allowed: readonly string[]

  constructor (method: string, path: string, allowed: readonly string[]) {
    super('ERR_METHOD_NOT_ALLOWED', 405, `${path.slice(0, 200)} does not take ${method}; use ${allowed.join(' or ')}.`)
    this.allowed = allowed
  }
}

/** A field that clients know and this server does not do; accepting it silently would be wrong. */
export class UnsupportedFieldError extends MillraceError {
  constructor (param: string, message: string) {
    super('ERR_UNSUPPORTED_FIELD', 400, message, param)
  }
}

export class MalformedRequestError extends MillraceError {
  constructor (message: string) {
    super('ERR_MALFORMED_REQUEST', 400, message)
  }
}

export class BodyTooLargeError extends MillraceError {
  constructor (limitBytes: number) {
    super('ERR_BODY_TOO_LARGE', 413, `The request's body is larger than ${limitBytes} bytes. Send less, or restart with a larger --body-limit-bytes.`)
  }
}

export class HeadersTooLargeError extends MillraceError {
  constructor () {
    super('ERR_HEADERS_TOO_LARGE', 431, 'The request\'s headers are too large. Send fewer or shorter ones.')
  }
}

export class UnsupportedMediaTypeError extends MillraceError {
  constructor (message: string) {
    super('ERR_MEDIA_TYPE', 415, message)
  }
}

export class RequestTimeoutError extends MillraceError {
  constructor () {
    super('ERR_REQUEST_TIMEOUT', 408, 'The request took too long to arrive. Send it again.')
  }
}

/** Its client has given up by now, unless something in between still waits. */
export class ClientTimeoutError extends MillraceError {
  constructor () {
    super('ERR_CLIENT_TIMEOUT', 408, 'The answer did not begin within the time that the client allows (X-Stainless-Timeout), so it was given up. Allow more time, or ask for less.')
  }
}

/** It was never stored, or is not any more, or is somebody else's. */
export class UnknownResponseError extends MillraceError {
  constructor (id: string, param?: string) {
    super('ERR_RESPONSE_UNKNOWN', 404, `There is no stored response ${JSON.stringify(id.slice(0, 80))}. Responses are kept in memory for a while only, and not at all with ` +
      '"store": false; send the whole conversation as input.', param)
  }
}

/** More bodies are on their way than there is room for. */
export class UploadsFullError extends TryLaterError {
  constructor (maxBytes: number) {
    super('ERR_UPLOADS_FULL', 503, `Other requests are sending as much as this server takes at once (${maxBytes} bytes, --max-upload-bytes). Try again in a second.`, 1000)
  }
}

export class TooManyConnectionsError extends TryLaterError {
  constructor (maxConnections: number) {
    super('ERR_TOO_MANY_CONNECTIONS', 503, `This server has ${maxConnections} connections open, and takes no more (--max-connections). Try again in a second.`, 1000)
  }
}

/** For a while only: says when to try again. */
export class UnavailableError extends TryLaterError {
  constructor (code: 'ERR_LOADING' | 'ERR_DRAINING' | 'ERR_ENGINE_FAILED', message: string, retryAfterMs: number) {
    super(code, 503, message, retryAfterMs)
  }
}

export function loadingError (progress: number): UnavailableError {
  return new UnavailableError('ERR_LOADING', `The model is being loaded (${Math.floor(progress * 100)} %). Try again in a moment.`, 2000)
}

export function drainingError (): UnavailableError {
  return new UnavailableError('ERR_DRAINING', 'The server is shutting down. Try again when it is back.', 5000)
}

/** The engine cannot produce tokens any more; a restart is needed. The cause is in the server's log. */
export function engineFailedError (): UnavailableError {
  return new UnavailableError('ERR_ENGINE_FAILED', 'The engine has failed; its error is in the server\'s log. Restart the server.', 30_000)
}

/** A generation ended for a reason of the server's own, without an error that says which. */
export class GenerationFailedError extends MillraceError {
  constructor () {
    super('ERR_GENERATION_FAILED', 500, 'The generation ended early by an error of the server. Send the request again.')
  }
}

export { InvalidParameterError, MillraceError, TryLaterError }
