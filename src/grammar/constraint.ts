import { InvalidParameterError } from '../core/errors.js'
import { didYouMean } from '../core/suggest.js'

/** What an answer must be, from its first character to its last: docs/structured-output.md. */
export type Constraint =
  /** JSON that fits the schema. Keywords that cannot be kept are refused. */
  | { readonly type: 'jsonSchema', readonly schema: Readonly<Record<string, unknown>> | boolean }
  /** Any JSON object. */
  | { readonly type: 'jsonObject' }
  /** The whole answer fits it; ECMAScript's syntax without what looks back, ahead or behind. */
  | { readonly type: 'regex', readonly pattern: string }
  /** One of the texts. */
  | { readonly type: 'choice', readonly choices: readonly string[] }
  /** A grammar in llama.cpp's GBNF, with the rule `root`. */
  | { readonly type: 'grammar', readonly ebnf: string }
  /** This text; with `special`, the special token of that name. */
  | { readonly type: 'text', readonly text: string, readonly special?: boolean }
  /** One after the other. */
  | { readonly type: 'sequence', readonly parts: readonly Constraint[] }
  /** Any of them. */
  | { readonly type: 'anyOf', readonly parts: readonly Constraint[] }
  /** `min` (0) to `max` (any number) times. */
  | { readonly type: 'repeat', readonly part: Constraint, readonly min?: number, readonly max?: number }

const fields: Readonly<Record<Constraint['type'], readonly string[]>> = {
  jsonSchema: ['schema'],
  jsonObject: [],
  regex: ['pattern'],
  choice: ['choices'],
  grammar: ['ebnf'],
  text: ['text', 'special'],
  sequence: ['parts'],
  anyOf: ['parts'],
  repeat: ['part', 'min', 'max']
}

/** Constraints within constraints, and JSON within them. */
const maxDepth = 300
const maxParts = 1000
/** Characters of all texts, and values; both bound what is done before a grammar is read. */
export const maxConstraintChars = 1_000_000
const maxValues = 100_000

/**
 * Checks its form and size; what its texts mean is checked when they become an automaton.
 *
 * @throws InvalidParameterError
 */
export function checkConstraint (constraint: unknown, param = 'constraint'): asserts constraint is Constraint {
  checkSize(constraint, param)
  checkForm(constraint, param)
}

function checkForm (constraint: unknown, param: string): void {
  if (typeof constraint !== 'object' || constraint === null || Array.isArray(constraint)) throw new InvalidParameterError(param, `${param} must be an object with a type.`)
  const { type } = constraint as { type?: unknown }
  if (typeof type !== 'string' || !Object.hasOwn(fields, type)) {
    throw new InvalidParameterError(`${param}.type`, `${param}.type must be one of ${Object.keys(fields).join(', ')}.`)
  }
  const names = ['type', ...fields[type as Constraint['type']]]
  for (const name of Object.keys(constraint)) {
    if (!names.includes(name)) throw new InvalidParameterError(`${param}.${name}`, `A constraint of the type ${type} has no ${name}.${didYouMean(name, names)}`)
  }
  checkFields(constraint as Constraint, param)
}

function checkFields (constraint: Constraint, param: string): void {
  const must = (isRight: boolean, name: string, what: string): void => {
    if (!isRight) throw new InvalidParameterError(`${param}.${name}`, `${param}.${name} must be ${what}.`)
  }
  switch (constraint.type) {
    case 'jsonObject': return
    case 'jsonSchema': must(typeof constraint.schema === 'boolean' || isObject(constraint.schema), 'schema', 'a JSON schema: an object, or true'); return
    case 'regex': must(typeof constraint.pattern === 'string', 'pattern', 'a text'); return
    case 'grammar': must(typeof constraint.ebnf === 'string', 'ebnf', 'a text'); return
    case 'choice':
      must(Array.isArray(constraint.choices) && constraint.choices.length > 0 && constraint.choices.every(choice => typeof choice === 'string'), 'choices', 'a list of at least one text')
      return
    case 'text':
      must(typeof constraint.text === 'string', 'text', 'a text')
      must(constraint.special === undefined || typeof constraint.special === 'boolean', 'special', 'true or false')
      return
    case 'repeat': {
      const { min = 0, max = Infinity } = constraint
      must(Number.isSafeInteger(min) && min >= 0, 'min', 'a whole number')
      must(max === Infinity || Number.isSafeInteger(max), 'max', 'a whole number')
      must(min <= max, 'min', 'max at most')
      checkForm(constraint.part, `${param}.part`)
      return
    }
    case 'sequence': case 'anyOf':
      must(Array.isArray(constraint.parts) && constraint.parts.length > 0 && constraint.parts.length <= maxParts, 'parts', `a list of 1 to ${maxParts} constraints`)
      for (const [i, part] of constraint.parts.entries()) checkForm(part, `${param}.parts[${i}]`)
  }
}

/** Without recursion, so that no depth is too deep for it. */
function checkSize (constraint: unknown, param: string): void {
  const open: Array<{ value: unknown, depth: number }> = [{ value: constraint, depth: 0 }]
  let chars = 0
  let values = 0
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, depth } = next
    if (typeof value === 'string') chars += value.length
    if (depth > maxDepth) throw new InvalidParameterError(param, `${param} is nested deeper than ${maxDepth}.`)
    if (typeof value !== 'object' || value === null) continue
    for (const [name, inner] of Object.entries(value)) {
      chars += name.length
      values++
      open.push({ value: inner, depth: depth + 1 })
    }
    if (chars > maxConstraintChars || values > maxValues) {
      throw new InvalidParameterError(param, `${param} has more than ${maxConstraintChars} characters or ${maxValues} values.`)
    }
  }
}

function isObject (value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
