import type { Constraint } from '../../../grammar/constraint.js'

/** How a family of models writes calls, piece by piece. */
export interface CallSpelling {
  /** Before the first call, and behind the last one. */
  readonly opening: string
  readonly closing: string
  readonly separator: string
  readonly beforeName: string
  readonly beforeArguments: string
  readonly end: string
}

export interface CallableTool {
  readonly name: string
  /** JSON schema of the arguments. */
  readonly parameters: Readonly<Record<string, unknown>>
}

/** Calls of one answer that is held to calls. */
export const mostForcedCalls = 32

/**
 * An answer of calls and nothing else, each with arguments that fit its tool's schema.
 *
 * @param specials what of the spelling are special tokens of the model
 */
export function forcedCalls (spelling: CallSpelling, tools: readonly CallableTool[], isSingle: boolean, specials: readonly string[]): Constraint {
  const texts = (text: string): Constraint[] => textParts(text, specials)
  const call: Constraint = {
    type: 'anyOf',
    parts: tools.map(({ name, parameters }) => ({
      type: 'sequence',
      parts: [
        ...texts(spelling.beforeName + JSON.stringify(name).slice(1, -1) + spelling.beforeArguments),
        { type: 'jsonSchema', schema: parameters },
        ...texts(spelling.end)
      ]
    }))
  }
  const more: Constraint = { type: 'repeat', part: { type: 'sequence', parts: [...texts(spelling.separator), call] }, max: mostForcedCalls - 1 }
  return { type: 'sequence', parts: [...texts(spelling.opening), call, ...isSingle ? [] : [more], ...texts(spelling.closing)] }
}

function textParts (text: string, specials: readonly string[]): Constraint[] {
  if (text === '') return []
  const special = specials.find(name => text.includes(name))
  if (special === undefined) return [{ type: 'text', text }]
  const [before, ...rest] = text.split(special)
  return [...textParts(before!, specials), { type: 'text', text: special, special: true }, ...textParts(rest.join(special), specials)]
}
