import { Type, type TSchema } from 'typebox'
import { tokenLogprobs } from './answers.js'

const count = Type.Integer({ minimum: 0 })
const nullable = (schema: TSchema): TSchema => Type.Union([schema, Type.Null()])
const status = Type.Enum(['in_progress', 'completed', 'incomplete'])

const outputText = Type.Object({ type: Type.Literal('output_text'), text: Type.String(), annotations: Type.Array(Type.Unknown()), logprobs: tokenLogprobs }, { additionalProperties: false })
const reasoningText = Type.Object({ type: Type.Literal('reasoning_text'), text: Type.String() }, { additionalProperties: false })

const item = Type.Union([
  Type.Object({ type: Type.Literal('message'), id: Type.String(), role: Type.Literal('assistant'), status, content: Type.Array(outputText) }, { additionalProperties: false }),
  Type.Object({ type: Type.Literal('reasoning'), id: Type.String(), summary: Type.Array(Type.Unknown()), content: Type.Array(reasoningText), status }, { additionalProperties: false }),
  Type.Object({ type: Type.Literal('function_call'), id: Type.String(), call_id: Type.String(), name: Type.String(), arguments: Type.String(), status }, { additionalProperties: false })
])

const usage = Type.Object({
  input_tokens: count,
  input_tokens_details: Type.Object({ cached_tokens: count }),
  output_tokens: count,
  output_tokens_details: Type.Object({ reasoning_tokens: count }),
  total_tokens: count
}, { additionalProperties: false })

/** What the request had is repeated as it was. */
const repeated = {
  instructions: nullable(Type.String()), max_output_tokens: nullable(count), metadata: Type.Object({}), model: Type.String(), parallel_tool_calls: Type.Boolean(),
  previous_response_id: nullable(Type.String()), service_tier: Type.String(), store: Type.Boolean(), temperature: nullable(Type.Number()), text: Type.Object({ format: Type.Unknown() }),
  tool_choice: Type.Unknown(), tools: Type.Array(Type.Unknown()), top_logprobs: count, top_p: nullable(Type.Number()), truncation: Type.Literal('disabled'), user: nullable(Type.String())
}

export const responseAnswer = Type.Object({
  id: Type.String(),
  object: Type.Literal('response'),
  created_at: count,
  completed_at: nullable(count),
  status: Type.Enum(['in_progress', 'completed', 'incomplete', 'failed']),
  background: Type.Literal(false),
  error: nullable(Type.Object({ code: Type.String(), message: Type.String() })),
  incomplete_details: nullable(Type.Object({ reason: Type.Literal('max_output_tokens') })),
  output: Type.Array(item),
  reasoning: Type.Object({ effort: nullable(Type.String()), summary: Type.Null() }),
  usage: nullable(usage),
  ...repeated
}, { additionalProperties: false })

const place = { item_id: Type.String(), output_index: count, content_index: count }
const call = { item_id: Type.String(), output_index: count }

function event (types: string[], fields: Readonly<Record<string, TSchema>>): TSchema {
  return Type.Object({ type: Type.Enum(types), ...fields, sequence_number: count }, { additionalProperties: false })
}

/** By name; each is numbered. */
export const responseEvent = Type.Union([
  event(['response.created', 'response.in_progress', 'response.completed', 'response.incomplete', 'response.failed'], { response: responseAnswer }),
  event(['response.output_item.added', 'response.output_item.done'], { output_index: count, item }),
  event(['response.content_part.added', 'response.content_part.done'], { ...place, part: Type.Union([outputText, reasoningText]) }),
  event(['response.output_text.delta'], { ...place, delta: Type.String(), logprobs: tokenLogprobs, obfuscation: Type.Optional(Type.String()) }),
  event(['response.output_text.done'], { ...place, text: Type.String(), logprobs: tokenLogprobs }),
  event(['response.reasoning_text.delta'], { ...place, delta: Type.String(), obfuscation: Type.Optional(Type.String()) }),
  event(['response.reasoning_text.done'], { ...place, text: Type.String() }),
  event(['response.function_call_arguments.delta'], { ...call, delta: Type.String(), obfuscation: Type.Optional(Type.String()) }),
  event(['response.function_call_arguments.done'], { ...call, name: Type.String(), arguments: Type.String() })
])
