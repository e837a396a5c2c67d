import { Type, type Static } from 'typebox'
import { reasoningEfforts } from '../template-variables.js'
import { timingsField } from '../timings.js'
import { constraintFields, namedSchema } from './constraint-fields.js'
import { samplingFields } from './sampling-fields.js'
import { functionDefinition, functionName, toolModes } from './tool-fields.js'

const maxInt32 = 2 ** 31 - 1
/** A response has one choice; book-keeping has a form of its own here. */
const { n: _n, metadata: _metadata, ...sampling } = samplingFields
const { response_format: _format, ...constraints } = constraintFields

const format = Type.Union([
  Type.Object({ type: Type.Enum(['text', 'json_object']) }),
  Type.Object({ type: Type.Enum(['json_schema']), ...namedSchema }),
  Type.Null()
], { title: 'text, json_object, or json_schema with a name and a schema' })

/** Kinds of parts beside text are told apart in responses/input-items.ts, where their place can be named. */
const part = Type.Object({
  type: Type.String(),
  text: Type.Optional(Type.String()),
  refusal: Type.Optional(Type.String())
})
const content = Type.Union([Type.String(), Type.Array(part, { maxItems: 10_000 })], { title: 'a text or a list of parts' })

/** Fields of all kinds of items; which ones a kind needs is seen to where its place can be named. */
const item = Type.Object({
  /** A message when missing. */
  type: Type.Optional(Type.String()),
  role: Type.Optional(Type.String()),
  content: Type.Optional(Type.Union([Type.Null(), content], { title: 'a text or a list of parts' })),
  call_id: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
  name: Type.Optional(Type.String()),
  arguments: Type.Optional(Type.String()),
  status: Type.Optional(Type.Union([Type.Null(), Type.String()], { title: 'a text' })),
  output: Type.Optional(content)
})

/** Kinds of tools beside functions are told apart in responses/response-tools.ts. */
const tool = Type.Object({ type: Type.String(), ...functionDefinition, name: Type.Optional(functionName) })
const reference = Type.Object({ type: Type.Literal('function'), name: functionName })

const toolChoice = Type.Union([
  toolModes,
  reference,
  Type.Object({ type: Type.Literal('allowed_tools'), mode: Type.Enum(['auto', 'required']), tools: Type.Array(reference, { minItems: 1, maxItems: 128 }) })
], { title: '"none", "auto", "required", {"type": "function", "name": ...}, or allowed_tools with mode and tools' })

export const responsesRequest = Type.Object({
  ...sampling,
  ...constraints,
  ...timingsField,
  model: Type.String({ minLength: 1 }),
  input: Type.Union([Type.String(), Type.Array(item, { minItems: 1, maxItems: 10_000 })], { title: 'a text, or a list of 1 to 10000 items' }),
  instructions: Type.Optional(Type.String()),
  previous_response_id: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
  max_output_tokens: Type.Optional(Type.Integer({ minimum: 1, maximum: maxInt32 })),
  top_logprobs: Type.Optional(Type.Integer({ minimum: 0, maximum: 20 })),
  text: Type.Optional(Type.Object({
    format: Type.Optional(format),
    /** A hint, without effect. */
    verbosity: Type.Optional(Type.Union([Type.String(), Type.Null()]))
  })),
  include: Type.Optional(Type.Array(Type.String(), { maxItems: 20 })),
  /** Summaries are not written: what asks for one is a hint, without effect. */
  reasoning: Type.Optional(Type.Object({
    effort: Type.Optional(Type.Union([reasoningEfforts, Type.Null()], { title: 'none, minimal, low, medium, high, xhigh or max' }))
  })),
  tools: Type.Optional(Type.Array(tool, { maxItems: 128 })),
  tool_choice: Type.Optional(toolChoice),
  parallel_tool_calls: Type.Optional(Type.Boolean()),
  truncation: Type.Optional(Type.Enum(['disabled', 'auto'])),
  metadata: Type.Optional(Type.Record(
    Type.String({ pattern: '^[^]{0,64}$' }), Type.String({ maxLength: 512 }), { additionalProperties: false, maxProperties: 16 }
  )),
  chat_template_kwargs: Type.Optional(Type.Object({}))
})

export type ResponsesRequest = Static<typeof responsesRequest>
export type InputItem = Static<typeof item>
export type InputPart = Static<typeof part>
