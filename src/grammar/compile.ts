import { buildAutomaton } from './automaton-builder.js'
import type { Automaton } from './automaton.js'
import type { Constraint } from './constraint.js'
import { readEbnf } from './ebnf.js'
import { GrammarError } from './errors.js'
import { call, either, repeat, sequence, text, words, type Expression } from './expression.js'
import { anyObject, jsonRules } from './json-rules.js'
import { readJsonSchema } from './json-schema/schema-reader.js'
import { readRegex } from './regex.js'

/** Ids of the special tokens that a constraint names. */
export type SpecialIds = Readonly<Record<string, number>>

/** @throws GrammarError whose path leads to the place within the constraint */
export function compileConstraint (constraint: Constraint, specialIds: SpecialIds, maxTokenBytes: number): Automaton {
  const root = { name: 'the constraint', body: read(constraint, specialIds, '') }
  return buildAutomaton(root, { maxTokenBytes, sharedRules: jsonRules })
}

function read (constraint: Constraint, specialIds: SpecialIds, path: string): Expression {
  const within = (name: string): string => path === '' ? name : `${path}.${name}`
  switch (constraint.type) {
    case 'jsonSchema': return at(within('schema'), () => call(readJsonSchema(constraint.schema)))
    case 'jsonObject': return call(anyObject)
    case 'regex': return at(within('pattern'), () => readRegex(constraint.pattern))
    case 'choice': return words(constraint.choices)
    case 'grammar': return at(within('ebnf'), () => call(readEbnf(constraint.ebnf)))
    case 'text': return constraint.special === true ? { kind: 'token', id: specialIds[constraint.text]! } : text(constraint.text)
    case 'sequence': return sequence(...constraint.parts.map((part, i) => read(part, specialIds, within(`parts[${i}]`))))
    case 'anyOf': return either(...constraint.parts.map((part, i) => read(part, specialIds, within(`parts[${i}]`))))
    case 'repeat': return repeat(read(constraint.part, specialIds, within('part')), constraint.min ?? 0, constraint.max ?? Infinity)
  }
}

/** Errors of a part name where in the whole it is. */
function at<T> (path: string, use: () => T): T {
  try {
    return use()
  } catch (error) {
    if (!(error instanceof GrammarError)) throw error
    throw new GrammarError(error.message, error.path === '' ? path : `${path}.${error.path}`)
  }
}
