import type { ChatOptions, Constraint } from '../engine/api.js'
import { InvalidParameterError, UnsupportedFieldError } from './errors.js'
import { parseJsonText } from './json-body.js'
import type { ConstraintFields } from './schemas/constraint-fields.js'

/** What an answer must be, and the field that says so. */
export interface NamedConstraint {
  readonly param: string
  readonly constraint: Constraint
}

/**
 * The one constraint of a request. The engine reads what is in it, once the request has its place in the queue.
 *
 * @returns undefined when there is none
 * @throws InvalidParameterError that names the field
 */
export function readConstraint (body: ConstraintFields): NamedConstraint | undefined {
  const [first, second] = constraintsOf(body)
  if (first !== undefined && second !== undefined) throw new InvalidParameterError(second.param, `${second.param} and ${first.param} cannot both be kept; send one of them.`)
  return first
}

/** The engine's error about a constraint, with the request's name of the field in place of its own. */
export function constraintError (error: unknown, named: NamedConstraint | undefined): unknown {
  if (named === undefined || !(error instanceof InvalidParameterError) || !/^constraint\b/.test(error.param!)) return error
  const rename = (text: string): string => text.replace(/\bconstraint(?:\.(?:schema|pattern|choices|ebnf)\b)?/, named.param)
  return new InvalidParameterError(rename(error.param!), rename(error.message))
}

/** @throws UnsupportedFieldError where calls of tools could not be written */
export function checkToolsBeside (constraint: NamedConstraint | undefined, { tools = [] }: Pick<ChatOptions, 'tools'>): void {
  if (constraint === undefined || tools.length === 0) return
  throw new UnsupportedFieldError('tools', 'Tools beside a constrained answer are not supported: it could call none. Leave out one of the two, or send "tool_choice": "none".')
}

function constraintsOf (body: ConstraintFields): NamedConstraint[] {
  const { response_format: format, structured_outputs: outputs = {} } = body
  const found: NamedConstraint[] = []
  const add = <T>(param: string, value: T | undefined, constraint: (value: T) => Constraint): void => {
    if (value !== undefined) found.push({ param, constraint: constraint(value) })
  }
  const schema = (param: string) => (value: unknown): Constraint => ({ type: 'jsonSchema', schema: schemaOf(value, param) })
  if (format?.type === 'json_object') found.push({ param: 'response_format', constraint: { type: 'jsonObject' } })
  if (format?.type === 'json_schema') {
    if (format.json_schema === undefined) throw new InvalidParameterError('response_format.json_schema', 'response_format.json_schema is required with the type json_schema.')
    add('response_format.json_schema.schema', format.json_schema.schema, schema('response_format.json_schema.schema'))
  }
  if (outputs.json_object === true) found.push({ param: 'structured_outputs.json_object', constraint: { type: 'jsonObject' } })
  add('structured_outputs.json', outputs.json, schema('structured_outputs.json'))
  add('structured_outputs.regex', outputs.regex, regex)
  add('structured_outputs.choice', outputs.choice, choice)
  add('structured_outputs.grammar', outputs.grammar, grammar)
  add('guided_json', body.guided_json, schema('guided_json'))
  add('guided_regex', body.guided_regex, regex)
  add('guided_choice', body.guided_choice, choice)
  add('guided_grammar', body.guided_grammar, grammar)
  add('json_schema', body.json_schema, schema('json_schema'))
  add('grammar', body.grammar, grammar)
  add('regex', body.regex, regex)
  add('ebnf', body.ebnf, grammar)
  return found
}

const regex = (pattern: string): Constraint => ({ type: 'regex', pattern })
const choice = (choices: readonly string[]): Constraint => ({ type: 'choice', choices })
const grammar = (ebnf: string): Constraint => ({ type: 'grammar', ebnf })

type Schema = Extract<Constraint, { type: 'jsonSchema' }>['schema']

function schemaOf (value: unknown, param: string): Schema {
  if (typeof value !== 'string') return value as Schema
  try {
    return parseJsonText(value) as Schema
  } catch {
    throw new InvalidParameterError(param, `${param} is a text that is no JSON, or one that is too deep or too large.`)
  }
}
