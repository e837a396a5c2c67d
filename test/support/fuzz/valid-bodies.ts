import fc from 'fast-check'
import type { JsonSchema } from './json-schema.js'

/** Texts that have hurt servers before: markup, templates, halves of characters, names of prototypes, and plain ones. */
const oddTexts = [
  '', ' ', '\0', '\ud800', '\udc00\ud800', 'a\u0300\u0301', '\u202e\ufeff', '<|im_start|>system\nhi<|im_end|>', '<|endoftext|>', '{{ 7 * 7 }}{% for x in y %}', '</think>', '<tool_call>',
  '__proto__', 'constructor', 'toString', '../../etc/passwd', 'file:///etc/passwd', 'http://127.0.0.1/', '\r\n\r\nHTTP/1.1 200 OK', '%s%n', '1', 'null', '👩‍👩‍👧‍👦', '\u{10ffff}'
]
const text = fc.oneof({ weight: 3, arbitrary: fc.string({ maxLength: 20 }) }, fc.string({ unit: 'binary', maxLength: 12 }), fc.constantFrom(...oddTexts))

const regexParts = ['a', '.', '\\d', '[a-z]', '(', ')', '|', '*', '+', '?', '{2,5}', '{1000}', '^', '$', '\\', '[^', '\\p{L}', '(?=', '(?<n>', '\\1', 'é', '😀']
const grammarParts = ['root', ' ::= ', '"a"', '[a-z]', '(', ')', ' | ', '*', '+', '?', '{3}', '\n', 'x', '#', '"', ' root ', '.']
const joined = (parts: readonly string[]) => fc.array(fc.constantFrom(...parts), { maxLength: 10 }).map(list => list.join(''))

/** Schemas for answers: sensible ones, recursive ones, and any JSON at all. */
const answerSchema = fc.oneof(fc.constantFrom<object>(
  { type: 'object', properties: { a: { type: 'integer' }, b: { enum: ['x', null] } }, required: ['a'], additionalProperties: false },
  { type: 'array', items: { type: 'boolean' }, maxItems: 2 },
  { type: 'string', pattern: '^[a-c]{2,3}$' },
  { $ref: '#' },
  { $ref: 'http://127.0.0.1/schema.json' },
  { $defs: { n: { properties: { next: { $ref: '#/$defs/n' } } } }, $ref: '#/$defs/n' },
  { allOf: [{ type: 'string' }, { type: 'number' }] },
  { type: 'integer', minimum: -1e308, maximum: 1e308 },
  { enum: [] },
  { not: {} }
), fc.dictionary(fc.constantFrom('type', 'properties', 'items', 'enum', 'anyOf', 'required', '$ref', 'pattern', 'minLength', '__proto__x'), fc.jsonValue({ maxDepth: 3 })))

const few = (low: number, high: number) => fc.integer({ min: low, max: high })

/** By name, what a sensible value is: sizes that end soon, names that exist. Everything else is told from the schema. */
function hintsFor (model: string): Readonly<Record<string, fc.Arbitrary<unknown>>> {
  return {
    model: fc.constant(model),
    max_tokens: few(1, 6),
    max_completion_tokens: few(1, 6),
    max_output_tokens: few(1, 6),
    min_tokens: few(0, 2),
    n: few(1, 3),
    dimensions: few(1, 8),
    regex: joined(regexParts),
    guided_regex: joined(regexParts),
    grammar: joined(grammarParts),
    guided_grammar: joined(grammarParts),
    ebnf: joined(grammarParts),
    schema: answerSchema,
    json: answerSchema,
    guided_json: answerSchema,
    json_schema: answerSchema,
    parameters: fc.oneof(answerSchema, fc.constant(null)),
    chat_template_kwargs: fc.dictionary(text, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 }),
    // Parts of other types are refused by name; most should be of this one.
    type: fc.constantFrom('text', 'text', 'text', 'input_text', 'message', 'function_call')
  }
}

/** Values that keep the schema. Those of named hints do so where the schema has no other opinion. */
export function valuesOf (schema: JsonSchema, model: string, name = ''): fc.Arbitrary<unknown> {
  const hint = hintsFor(model)[name]
  const isOpen = schema.enum === undefined && schema.const === undefined && !(name === 'json_schema' && schema.required !== undefined)
  return hint !== undefined && isOpen ? hint : bySchema(schema, model)
}

function bySchema (schema: JsonSchema, model: string): fc.Arbitrary<unknown> {
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map(branch => valuesOf(branch, model)))
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  if (schema.const !== undefined) return fc.constant(schema.const)
  switch (schema.type) {
    case 'string': return stringOf(schema)
    case 'integer':
    case 'number': return numberOf(schema)
    case 'boolean': return fc.boolean()
    case 'null': return fc.constant(null)
    case 'array': return arrayOf(schema, model)
    case 'object': return objectOf(schema, model)
    default: throw new Error(`no values for ${JSON.stringify(schema).slice(0, 200)}`)
  }
}

function stringOf ({ pattern, minLength = 0, maxLength = Infinity }: JsonSchema): fc.Arbitrary<string> {
  const strings = pattern === undefined || pattern.includes('[^]') ? text : fc.stringMatching(new RegExp(pattern, 'u'))
  return strings.filter(({ length }) => length >= minLength && length <= maxLength)
}

function numberOf ({ type, minimum, exclusiveMinimum, maximum = 1000 }: JsonSchema): fc.Arbitrary<number> {
  const isInteger = type === 'integer'
  const low = minimum ?? exclusiveMinimum ?? -1000
  const [least, most] = [Math.max(low, Number.MIN_SAFE_INTEGER), Math.min(maximum, Number.MAX_SAFE_INTEGER)]
  const borders = [minimum, maximum, 0, 1].filter(value => value !== undefined && value >= low && value <= maximum && value !== exclusiveMinimum) as number[]
  const inside = isInteger
    ? fc.integer({ min: Math.ceil(least), max: Math.floor(Math.min(most, Math.max(least, 300))) })
    : fc.double({ min: low, max: maximum, noNaN: true, minExcluded: exclusiveMinimum !== undefined })
  return fc.oneof({ weight: 3, arbitrary: inside }, ...borders.length === 0 ? [] : [fc.constantFrom(...borders)])
}

function arrayOf ({ items = {}, minItems = 0, maxItems = 3 }: JsonSchema, model: string): fc.Arbitrary<unknown[]> {
  return fc.array(valuesOf(items, model), { minLength: minItems, maxLength: Math.max(minItems, Math.min(maxItems, 3)) })
}

/** All required properties, and few of the others: of many at once most contradict each other. */
function objectOf ({ properties = {}, patternProperties = {}, required = [] }: JsonSchema, model: string): fc.Arbitrary<object> {
  const optional = Object.keys(properties).filter(key => !required.includes(key))
  const own = fc.subarray(optional, { maxLength: Math.min(optional.length, 4) }).chain(chosen => fc.record(
    Object.fromEntries([...required, ...chosen].map(key => [key, valuesOf(properties[key]!, model, key)]))
  ))
  const byPattern = Object.entries(patternProperties).map(([pattern, schema]) => fc.dictionary(stringOf({ pattern, maxLength: 64 }), valuesOf(schema, model), { maxKeys: 3 }))
  return fc.tuple(own, ...byPattern).map(parts => Object.assign({}, ...parts) as object)
}

/**
 * Bodies of an endpoint. Most are tidied: what needs another field gets it, so that many are answered and not
 * only refused; and all have an end.
 */
export function bodiesOf (schema: JsonSchema, model: string): fc.Arbitrary<object> {
  return fc.tuple(bySchema(schema, model), fc.nat(3)).map(([body, dice]) => withEnd(dice === 0 ? body as Body : tidy(body as Body), schema))
}

type Body = Readonly<Record<string, unknown>>

const constraints = ['structured_outputs', 'guided_json', 'guided_regex', 'guided_choice', 'guided_grammar', 'json_schema', 'grammar', 'regex', 'ebnf']

function tidy (body: Body): Body {
  const { stream_options: streamOptions, top_logprobs: topLogprobs, tool_choice: toolChoice, ...rest } = body
  const [kept] = constraints.filter(name => name in body)
  const dropped = kept === undefined ? [] : [...constraints.filter(name => name !== kept), 'response_format', 'text', 'tools', 'ignore_eos', 'min_tokens']
  return {
    ...Object.fromEntries(Object.entries(rest).filter(([name]) => !dropped.includes(name))),
    ...streamOptions === undefined ? {} : { stream_options: streamOptions, stream: true },
    ...topLogprobs === undefined ? {} : { top_logprobs: topLogprobs, ...'messages' in body ? { logprobs: true } : {} },
    ...toolChoice === undefined || !('tools' in rest) || kept !== undefined ? {} : { tool_choice: toolChoice }
  }
}

/** Without a bound a model of random weights writes until its context is full. */
function withEnd (body: Body, { properties = {} }: JsonSchema): Body {
  const limit = ['max_completion_tokens', 'max_output_tokens', 'max_tokens'].find(name => name in properties)
  return limit === undefined || limit in body ? body : { ...body, [limit]: 4 }
}
