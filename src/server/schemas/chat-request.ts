import { Type, type Static } from 'typebox'
import { reasoningEfforts } from '../template-variables.js'
import { timingsField } from '../timings.js'
import { constraintFields } from './constraint-fields.js'
import { samplingFields } from './sampling-fields.js'
import { toolFields } from './tool-fields.js'

const maxInt32 = 2 ** 31 - 1

/** Kinds of parts beside text are told apart in messages.ts, where their place can be named. */
const contentPart = Type.Object({
  type: Type.String(),
  text: Type.Optional(Type.String())
})

const toolCall = Type.Object({
  id: Type.String({ minLength: 1 }),
  type: Type.Optional(Type.Enum(['function'])),
  function: Type.Object({ name: Type.String(), arguments: Type.String() })
})

export const message = Type.Object({
  role: Type.Enum(['system', 'developer', 'user', 'assistant', 'tool', 'function']),
  content: Type.Optional(Type.Union([Type.String(), Type.Null(), Type.Array(contentPart, { minItems: 1 })],
    { title: 'a text, a list of text parts, or null' })),
  name: Type.Optional(Type.String()),
  /** What an assistant thought, under either name. */
  reasoning_content: Type.Optional(Type.Union([Type.String(), Type.Null()], { title: 'a text' })),
  reasoning: Type.Optional(Type.Union([Type.String(), Type.Null()], { title: 'a text' })),
  tool_call_id: Type.Optional(Type.String()),
  tool_calls: Type.Optional(Type.Union([Type.Array(toolCall, { maxItems: 128 }), Type.Null()], { title: 'a list of tool calls' })),
  /** A call in the form that tool_calls replaced. */
  function_call: Type.Optional(Type.Union([Type.Object({ name: Type.String(), arguments: Type.String() }), Type.Null()],
    { title: 'a call, with name and arguments as texts' }))
})

export const chatRequest = Type.Object({
  ...samplingFields,
  ...timingsField,
  ...constraintFields,
  ...toolFields,
  model: Type.String({ minLength: 1 }),
  messages: Type.Array(message, { minItems: 1, maxItems: 10_000 }),
  max_tokens: Type.Optional(Type.Integer({ minimum: 1, maximum: maxInt32 })),
  max_completion_tokens: Type.Optional(Type.Integer({ minimum: 1, maximum: maxInt32 })),
  logprobs: Type.Optional(Type.Boolean()),
  top_logprobs: Type.Optional(Type.Integer({ minimum: 0, maximum: 20 })),
  include_reasoning: Type.Optional(Type.Boolean()),
  reasoning_effort: Type.Optional(reasoningEfforts),
  chat_template_kwargs: Type.Optional(Type.Object({})),
  /** The answer goes on with the last message. */
  continue_final_message: Type.Optional(Type.Boolean()),
  /** The opposite of it, and not to be given otherwise. */
  add_generation_prompt: Type.Optional(Type.Boolean())
})

export type ChatRequest = Static<typeof chatRequest>
export type RequestMessage = Static<typeof message>
