import { InvalidParameterError } from '../../core/errors.js'
import { ChatTemplateError } from '../errors.js'
import { chooseGuard, Guarder } from '../tokenizer/special-tokens.js'
import type { SpecialTokens } from '../tokenizer/tokenizer.js'

/** What a template renders: values as JSON has them. */
export interface ChatValues {
  readonly messages: readonly unknown[]
  readonly tools: readonly unknown[] | null
  readonly variables: Readonly<Record<string, unknown>>
}

export interface GuardedValues {
  readonly values: ChatValues
  /** Undefined when no text holds a look-alike of a special token. */
  readonly guard: string | undefined
}

/** Deeper values than any schema or argument needs; keeps recursion bounded. */
const maxDepth = 100
/** Within all variables. They are copied whole, on the thread that hands out tokens. */
const maxVariableValues = 10_000

/**
 * Puts guards into every look-alike of a special token, in all strings and keys.
 *
 * What the assistant wrote may hold markup such as `</think>`: templates look for it, and the model
 * itself wrote it as tokens. Everything else is other people's text and may not.
 *
 * @throws ChatTemplateError when the texts together are longer than `maxInputChars`
 */
export class MessageGuard {
  readonly #all: Guarder
  readonly #control: Guarder
  readonly #maxInputChars: number

  constructor (specials: SpecialTokens, maxInputChars: number) {
    this.#all = new Guarder([...specials.control, ...specials.markup])
    this.#control = new Guarder(specials.control)
    this.#maxInputChars = maxInputChars
  }

  guard (values: ChatValues): GuardedValues {
    checkVariables(values.variables)
    const texts: string[] = []
    mapStrings([values.messages, values.tools, values.variables], text => { texts.push(text); return text }, 'messages')
    const chars = texts.reduce((sum, text) => sum + text.length, 0)
    if (chars > this.#maxInputChars) {
      throw new ChatTemplateError(`Messages and tools have ${chars} characters; at most ${this.#maxInputChars} are rendered. Shorten them.`)
    }
    const guard = chooseGuard(texts)
    if (guard === undefined) throw new ChatTemplateError('The messages use up every private-use character of Unicode.')
    let isGuarded = false
    const guardWith = (guarder: Guarder) => (text: string): string => {
      const guarded = guarder.guard(text, guard)
      isGuarded ||= guarded !== text
      return guarded
    }
    const foreign = guardWith(this.#all)
    const own = guardWith(this.#control)
    const guarded: ChatValues = {
      messages: values.messages.map((message, i) => guardMessage(message, foreign, own, `messages[${i}]`)),
      tools: mapStrings(values.tools, foreign, 'tools') as readonly unknown[] | null,
      variables: mapStrings(values.variables, foreign, 'chat_template_kwargs') as Record<string, unknown>
    }
    return { values: guarded, guard: isGuarded ? guard : undefined }
  }
}

/** @throws InvalidParameterError for more than any template reads */
function checkVariables (variables: ChatValues['variables']): void {
  const open: unknown[] = [variables]
  let count = 0
  while (open.length > 0) {
    const value = open.pop()
    if (typeof value !== 'object' || value === null) continue
    const items = Object.values(value)
    count += items.length
    if (count > maxVariableValues) throw new InvalidParameterError('chat_template_kwargs', `The template variables have more than ${maxVariableValues} values. Send fewer.`)
    for (const item of items) open.push(item)
  }
}

/**
 * The role stays as it is: templates print it and compare it, and callers cannot invent one. So does
 * the order of fields, which templates may print.
 */
function guardMessage (
  message: unknown, foreign: (text: string) => string, own: (text: string) => string, path: string
): unknown {
  if (typeof message !== 'object' || message === null || Array.isArray(message)) return mapStrings(message, foreign, path)
  const map = (message as { role?: unknown }).role === 'assistant' ? own : foreign
  return Object.fromEntries(Object.entries(message).map(([key, value]) =>
    key === 'role' ? [key, value] : [map(key), mapStrings(value, map, path)]))
}

function mapStrings (value: unknown, map: (text: string) => string, path: string, depth = 0): unknown {
  if (typeof value === 'string') return map(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth === maxDepth) throw new InvalidParameterError(path, `${path} is nested more than ${maxDepth} levels deep.`)
  if (Array.isArray(value)) return value.map(item => mapStrings(item, map, path, depth + 1))
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [map(key), mapStrings(item, map, path, depth + 1)]))
}
