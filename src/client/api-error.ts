/** What the server refused or failed with. */
export class ApiError extends Error {
  /** Undefined for an error inside a stream, which had begun well. */
  readonly status: number | undefined
  readonly code: string | undefined
  /** The request field at fault, as a JSON path. */
  readonly param: string | undefined
  /** For the server's operator. */
  readonly requestId: string | undefined

  constructor (message: string, details: { status?: number | undefined, code?: unknown, param?: unknown, requestId?: string | undefined }) {
    super(message)
    this.name = 'ApiError'
    this.status = details.status
    this.code = typeof details.code === 'string' ? details.code : undefined
    this.param = typeof details.param === 'string' ? details.param : undefined
    this.requestId = details.requestId
  }
}

/** From a body that should hold OpenAI's error object; a proxy may have put something else there. */
export function apiError (body: unknown, status?: number, requestId?: string): ApiError {
  const error = (body as { error?: { message?: unknown, code?: unknown, param?: unknown } } | undefined)?.error
  const message = typeof error?.message === 'string' ? error.message : `The server answered with status ${status}.`
  return new ApiError(message, { status, code: error?.code, param: error?.param, requestId })
}
