import { InvalidParameterError, TextTooLongError } from '../core/errors.js'
import { samplingParamNames } from '../core/resolve-sampling-params.js'
import type { SamplingParams } from '../core/sampling-params.js'
import { didYouMean } from '../core/suggest.js'
import type { ChatMessage, RequestOptions } from './api.js'

const requestOptionNames = [...samplingParamNames, 'signal', 'requestId', 'cacheSalt', 'priority', 'slo', 'giveUpMs', 'linkHealth', 'readingTokensPerSec', 'sessionId', 'constraint', 'isProbe']
export const chatOptionNames = [...requestOptionNames, 'messages', 'templateVariables', 'continueFinalMessage', 'tools', 'toolChoice', 'allowedTools', 'parallelToolCalls', 'maxToolRounds']
export const embedOptionNames = ['input', 'dimensions', 'signal', 'requestId', 'cacheSalt', 'priority', 'slo', 'giveUpMs']
export const completeOptionNames = [...requestOptionNames, 'prompt', 'parseSpecialTokens']

/**
 * Checks what is no sampling parameter.
 *
 * @throws InvalidParameterError; for a name that is not there, with the nearest one that is
 */
export function checkRequest (options: RequestOptions, names: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (!names.includes(name)) throw new InvalidParameterError(name, `There is no option ${name}.${didYouMean(name, names)}`)
  }
  const { priority, cacheSalt, signal, requestId } = options
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new InvalidParameterError('signal', 'signal must be an AbortSignal.')
  }
  if (requestId !== undefined && typeof requestId !== 'string') {
    throw new InvalidParameterError('requestId', 'requestId must be a text.')
  }
  if (priority !== undefined && !Number.isFinite(priority)) {
    throw new InvalidParameterError('priority', `priority is ${String(priority)}; it must be a number.`)
  }
  if (cacheSalt !== undefined && typeof cacheSalt !== 'string') {
    throw new InvalidParameterError('cacheSalt', 'cacheSalt must be a text.')
  }
  checkConstraintConflicts(options)
  checkScheduling(options)
}

/** An answer ends where its constraint says so, and there only. */
function checkConstraintConflicts ({ constraint, ignoreEos, minTokens }: RequestOptions): void {
  if (constraint === undefined) return
  if (ignoreEos === true) throw new InvalidParameterError('ignoreEos', 'ignoreEos cannot be kept beside a constraint: the answer ends where the constraint is complete.')
  if (minTokens !== undefined && minTokens > 0) throw new InvalidParameterError('minTokens', 'minTokens cannot be kept beside a constraint: the answer ends where the constraint is complete.')
}

const defaultToolRounds = 8
const mostToolRounds = 1000

/** @throws InvalidParameterError, also where there is nothing to run */
export function checkToolRounds (rounds: unknown, hasRegistered: boolean): number {
  if (rounds === undefined) return defaultToolRounds
  if (typeof rounds !== 'number' || !Number.isInteger(rounds) || rounds < 0 || rounds > mostToolRounds) {
    throw new InvalidParameterError('maxToolRounds', `maxToolRounds is ${JSON.stringify(rounds)}; it must be a whole number from 0 to ${mostToolRounds}.`)
  }
  if (!hasRegistered) throw new InvalidParameterError('maxToolRounds', 'maxToolRounds needs registered tools in tools.')
  return rounds
}

/** @throws InvalidParameterError, also for a tool that is not offered */
export function checkAllowedTools (allowed: unknown, offered: readonly string[]): ReadonlySet<string> | undefined {
  if (allowed === undefined) return undefined
  if (!Array.isArray(allowed)) throw new InvalidParameterError('allowedTools', 'allowedTools must be a list of names of offered tools.')
  for (const [i, name] of (allowed as unknown[]).entries()) {
    if (!offered.includes(name as string)) throw new InvalidParameterError(`allowedTools[${i}]`, `allowedTools[${i}] names no tool that is offered.${didYouMean(String(name), offered)}`)
  }
  return new Set(allowed as string[])
}

/** @throws InvalidParameterError, also where there is nothing to call. True when the answer must call. */
export function checkToolChoice (choice: unknown = 'auto', { constraint, ignoreEos, minTokens }: RequestOptions, offered: readonly string[]): boolean {
  if (choice === 'auto') return false
  if (choice !== 'required') throw new InvalidParameterError('toolChoice', 'toolChoice must be \'auto\' or \'required\'.')
  if (offered.length === 0) throw new InvalidParameterError('toolChoice', 'toolChoice needs tools to choose from.')
  if (constraint !== undefined) throw new InvalidParameterError('toolChoice', 'An answer that must call a tool cannot be held to another form too.')
  checkConstraintConflicts({ constraint: { type: 'jsonObject' }, ignoreEos, minTokens })
  return true
}

/** @throws InvalidParameterError */
export function checkParallelCalls (parallel: unknown = true): boolean {
  if (typeof parallel !== 'boolean') throw new InvalidParameterError('parallelToolCalls', 'parallelToolCalls must be true or false.')
  return parallel
}

const sloNames = ['ttftMs', 'tpotMs', 'deadlineMs']

/** @throws InvalidParameterError */
function checkScheduling ({ slo, giveUpMs, linkHealth, readingTokensPerSec, sessionId }: RequestOptions): void {
  if (sessionId !== undefined && typeof sessionId !== 'string') {
    throw new InvalidParameterError('sessionId', 'sessionId must be a text.')
  }
  if (linkHealth !== undefined && !(typeof linkHealth === 'number' && linkHealth >= 0 && linkHealth <= 1)) {
    throw new InvalidParameterError('linkHealth', `linkHealth is ${String(linkHealth)}; it must be a number from 0 to 1.`)
  }
  if (readingTokensPerSec !== undefined && !(Number.isFinite(readingTokensPerSec) && readingTokensPerSec > 0)) {
    throw new InvalidParameterError('readingTokensPerSec', `readingTokensPerSec is ${String(readingTokensPerSec)}; it must be a number above 0.`)
  }
  if (giveUpMs !== undefined && !(Number.isFinite(giveUpMs) && giveUpMs > 0)) {
    throw new InvalidParameterError('giveUpMs', `giveUpMs is ${String(giveUpMs)}; it must be a time in ms above 0.`)
  }
  if (slo === undefined) return
  if (slo === null || typeof slo !== 'object') throw new InvalidParameterError('slo', 'slo must be an object of times in ms.')
  for (const [name, value] of Object.entries(slo) as Array<[string, unknown]>) {
    if (!sloNames.includes(name)) throw new InvalidParameterError(`slo.${name}`, `There is no slo.${name}.${didYouMean(name, sloNames)}`)
    if (value !== undefined && !(Number.isFinite(value) && value as number > 0)) {
      throw new InvalidParameterError(`slo.${name}`, `slo.${name} must be a time in ms above 0, not ${typeof value === 'number' ? value : typeof value}.`)
    }
  }
  if (slo.ttftMs !== undefined && slo.deadlineMs !== undefined && slo.ttftMs > slo.deadlineMs) {
    throw new InvalidParameterError('slo.ttftMs', `slo.ttftMs (${slo.ttftMs}) is after slo.deadlineMs (${slo.deadlineMs}): the first token cannot be later than the last.`)
  }
}

const roles = ['system', 'developer', 'user', 'assistant', 'tool', 'function']

/** @throws InvalidParameterError */
export function checkMessages (messages: unknown): void {
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new InvalidParameterError('messages', 'messages must be a list of at least one message.')
  }
  for (const [i, message] of (messages as unknown[]).entries()) {
    const { role, content } = (message ?? {}) as Record<string, unknown>
    if (!roles.includes(role as string)) {
      throw new InvalidParameterError(`messages[${i}].role`, `messages[${i}].role must be one of ${roles.join(', ')}.`)
    }
    if (typeof content !== 'string' && content !== null && content !== undefined) {
      throw new InvalidParameterError(`messages[${i}].content`, `messages[${i}].content must be a text or null.`)
    }
  }
}

/** @throws InvalidParameterError unless there is something to go on with */
export function checkContinuation (continues: unknown = false, messages: readonly ChatMessage[]): boolean {
  if (typeof continues !== 'boolean') throw new InvalidParameterError('continueFinalMessage', 'continueFinalMessage must be true or false.')
  if (!continues) return false
  const { role, content, tool_calls: calls } = messages.at(-1)!
  if (role !== 'assistant' || typeof content !== 'string' || content === '' || (Array.isArray(calls) && calls.length > 0)) {
    throw new InvalidParameterError('continueFinalMessage', 'continueFinalMessage needs a last message of the assistant with a text to go on with, and without calls of tools.')
  }
  return true
}

/** A token is a few characters; only runs of blanks and the like reach this average over a whole prompt. */
const maxCharactersPerToken = 64

/**
 * Spares the tokenizer a text that cannot fit: it takes seconds for each million characters, and some
 * hundred bytes of memory for each token.
 *
 * @throws TextTooLongError
 */
export function checkTextLength (text: string, maxTokens: number): void {
  const maxCharacters = maxTokens * maxCharactersPerToken
  if (text.length > maxCharacters) throw new TextTooLongError(text.length, maxCharacters, maxTokens)
}

/** @throws InvalidParameterError for an empty prompt, and for ids that the model has not */
export function checkPromptIds (ids: ArrayLike<number>, vocabSize: number, path = 'prompt'): Int32Array {
  if (!Array.isArray(ids) && !(ids instanceof Int32Array)) {
    throw new InvalidParameterError(path, `${path} must be a text or a list of token ids.`)
  }
  if (ids.length === 0) throw new InvalidParameterError(path, `${path} is empty; give at least one token.`)
  for (let i = 0; i < ids.length; i++) {
    const id: unknown = ids[i]
    if (!Number.isSafeInteger(id) || (id as number) < 0 || (id as number) >= vocabSize) {
      throw new InvalidParameterError(`${path}[${i}]`, `${path}[${i}] is ${String(id)}; token ids of this model are 0 to ${vocabSize - 1}.`)
    }
  }
  return Int32Array.from(ids)
}

/** Some hundred bytes of memory each, and about as many of JSON. */
const maxKeptLogprobs = 2 ** 22

/**
 * A result keeps the log-probabilities of all its tokens, also where a stream has sent them.
 *
 * @throws InvalidParameterError where they could be more than one answer holds
 */
export function checkKeptLogprobs ({ logprobs, topLogprobs, n, maxTokens = Infinity }: Pick<SamplingParams, 'logprobs' | 'topLogprobs' | 'n' | 'maxTokens'>, room: number): void {
  const tokens = n * Math.min(maxTokens, room)
  const kept = logprobs ? tokens * (1 + topLogprobs) : 0
  if (kept <= maxKeptLogprobs) return
  throw new InvalidParameterError('logprobs', `logprobs asks for up to ${kept} log-probabilities (${tokens} tokens, ${1 + topLogprobs} of each); ` +
    `at most ${maxKeptLogprobs} are given in one answer. Ask for fewer tokens, choices or alternatives.`)
}
