/**
 * A failure that a caller or an operator can act on: a stable code (docs/errors.md), the HTTP status
 * that fits it, and a message with the numbers and the next thing to do.
 */
export class MillraceError extends Error {
  readonly code: string
  readonly statusCode: number
  /** The request field or option at fault, as a path such as `messages[0].content`. */
  readonly param: string | undefined

  constructor (code: string, statusCode: number, message: string, param?: string) {
    super(message)
    this.name = new.target.name
    this.code = code
    this.statusCode = statusCode
    this.param = param
  }
}

/** A value that a caller gave is not usable; names the parameter. */
export class InvalidParameterError extends MillraceError {
  constructor (param: string, message: string) {
    super('ERR_INVALID_PARAMETER', 400, message, param)
  }
}

export class PromptTooLongError extends MillraceError {
  constructor (promptTokens: number, maxTokens: number, remedy: string) {
    super('ERR_PROMPT_TOO_LONG', 400,
      `The prompt has ${promptTokens} tokens; this server takes at most ${maxTokens}. ${remedy}`)
  }
}

export class EngineClosedError extends MillraceError {
  constructor () {
    super('ERR_ENGINE_CLOSED', 503, 'The engine is closed. Load a new one to go on.')
  }
}
