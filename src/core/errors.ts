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

/** The same, seen before the text becomes tokens. */
export class TextTooLongError extends MillraceError {
  constructor (characters: number, maxCharacters: number, maxTokens: number) {
    super('ERR_PROMPT_TOO_LONG', 400, `The prompt has ${characters} characters, which is far more than ${maxTokens} tokens; ` +
      `at most ${maxCharacters} characters are taken. Shorten it, or restart with a larger --max-model-len if the model allows it.`)
  }
}

/** The same request may pass later; says when to try again. */
export class TryLaterError extends MillraceError {
  readonly retryAfterMs: number

  constructor (code: string, statusCode: number, message: string, retryAfterMs: number, param?: string) {
    super(code, statusCode, message, param)
    this.retryAfterMs = retryAfterMs
  }
}

const formatMs = (ms: number): string => `${ms < 10 ? Number(ms.toPrecision(2)) : Math.round(ms)} ms`

/** The queue is too long for the times that the request asks for, and the engine refuses such requests. */
export class SloUnreachableError extends TryLaterError {
  /** When the first token would come, in ms from now. */
  readonly ttftMs: number

  constructor (param: 'slo.ttftMs' | 'slo.deadlineMs', wantedMs: number, forecastMs: number, ttftMs: number) {
    const what = param === 'slo.ttftMs' ? 'The first token' : 'The last token'
    super('ERR_SLO_UNREACHABLE', 503, `${what} is wanted within ${formatMs(wantedMs)}, but the queue forecasts ${formatMs(forecastMs)}. ` +
      'Send it later or elsewhere, or allow more time.', retryAfter(forecastMs - wantedMs), param)
    this.ttftMs = ttftMs
  }
}

/** Which bound a request did not pass. */
export type OverloadReason = 'queuedRequests' | 'queuedTokens' | 'giveUp'

/** The queue is as long as it may be, or longer than the caller waits. Nothing was computed. */
export class OverloadedError extends TryLaterError {
  readonly reason: OverloadReason

  constructor (reason: OverloadReason, message: string, waitMs: number) {
    const retryAfterMs = retryAfter(waitMs)
    super('ERR_OVERLOADED', 429, `${message} Try again in ${formatMs(retryAfterMs)}, or elsewhere.`, retryAfterMs)
    this.reason = reason
  }
}

/** Longer ones clients do not heed, and shorter ones are not worth the way. */
function retryAfter (ms: number): number {
  return Math.round(Math.min(60_000, Math.max(100, ms)))
}

/** An answer could not go on within its constraint. */
export class ConstraintError extends MillraceError {
  constructor (reason: string) {
    super('ERR_CONSTRAINT', 400, `The answer cannot go on within its constraint: ${reason}`, 'constraint')
  }
}

export class EngineClosedError extends MillraceError {
  constructor () {
    super('ERR_ENGINE_CLOSED', 503, 'The engine is closed. Load a new one to go on.')
  }
}

/** An option that the engine or the server does not have, or a value that it cannot take. */
export class InvalidOptionError extends MillraceError {
  constructor (option: string, message: string) {
    super('ERR_INVALID_OPTION', 500, message, option)
  }
}

/** A model that does not fit this machine's memory; the message has the arithmetic. */
export class OutOfMemoryError extends MillraceError {
  constructor (message: string) {
    super('ERR_OUT_OF_MEMORY', 500, message, 'model')
  }
}

/** A device that was asked for is not there, or cannot be used. */
export class DeviceUnavailableError extends MillraceError {
  constructor (device: string, reason: string) {
    super('ERR_DEVICE_UNAVAILABLE', 500,
      `${device} cannot be used: ${reason}. millrace devices lists what can; --device cpu:0 runs the model without a card.`, 'device')
  }
}

/** A card does not work any more in this process, and the engine that uses it with it. */
export class DeviceLostError extends MillraceError {
  constructor (reason: string, cause?: unknown) {
    super('ERR_DEVICE_LOST', 503, `A device was lost, and all running requests with it: ${reason}. Restart the server.`)
    this.cause = cause
  }
}

/** A step of the model failed, and this request with it. */
export class StepFailedError extends MillraceError {
  constructor (message: string, cause?: unknown) {
    super('ERR_STEP_FAILED', 500, message)
    this.cause = cause
  }
}

/** The model gave logits that are no numbers. */
export class BadLogitsError extends MillraceError {
  constructor () {
    super('ERR_BAD_LOGITS', 500,
      'The model computed NaN or infinity for this request, so no token could be chosen. ' +
      'The weights may be damaged, or their numbers too large for this data type.')
  }
}

/** The native addon is missing, or belongs to another version. */
export class AddonError extends MillraceError {
  constructor (message: string, cause?: unknown) {
    super('ERR_ADDON', 500, message)
    this.cause = cause
  }
}
