import { Type, type Static } from 'typebox'

const schemaName = Type.String({ minLength: 1, maxLength: 64, pattern: '^[A-Za-z0-9_-]+$' })
/** What a schema means is checked where it is read, which names the place within it. */
const jsonSchema = Type.Union([Type.Object({}), Type.Boolean()], { title: 'a JSON schema: an object, true or false' })
/** vLLM takes schemas as JSON in a text, too. */
const schemaOrText = Type.Union([Type.Object({}), Type.Boolean(), Type.String()], { title: 'a JSON schema: an object, true or false, or JSON in a text' })
const choices = Type.Array(Type.String(), { minItems: 1, maxItems: 10_000 })

/** Name, schema and whether they are strict, as OpenAI has them: under `json_schema`, or in a response's `text.format`. */
export const namedSchema = {
  name: schemaName,
  schema: jsonSchema,
  description: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  /** Answers always fit the schema. */
  strict: Type.Optional(Type.Union([Type.Boolean(), Type.Null()]))
}

/** What an answer must be, in the spellings of OpenAI, vLLM, llama.cpp and SGLang. */
export const constraintFields = {
  response_format: Type.Optional(Type.Object({
    type: Type.Enum(['text', 'json_object', 'json_schema']),
    json_schema: Type.Optional(Type.Object(namedSchema))
  })),
  structured_outputs: Type.Optional(Type.Object({
    json: Type.Optional(schemaOrText),
    json_object: Type.Optional(Type.Boolean()),
    regex: Type.Optional(Type.String()),
    choice: Type.Optional(choices),
    grammar: Type.Optional(Type.String())
  }, { additionalProperties: false })),
  guided_json: Type.Optional(schemaOrText),
  guided_regex: Type.Optional(Type.String()),
  guided_choice: Type.Optional(choices),
  guided_grammar: Type.Optional(Type.String()),
  json_schema: Type.Optional(schemaOrText),
  grammar: Type.Optional(Type.String()),
  regex: Type.Optional(Type.String()),
  ebnf: Type.Optional(Type.String())
}

export type ConstraintFields = Static<Type.TObject<typeof constraintFields>>
