import { Type, type Static } from 'typebox'

export const functionName = Type.String({ pattern: '^[a-zA-Z0-9_-]{1,64}$' })
export const toolModes = Type.Enum(['none', 'auto', 'required'])

export const functionDefinition = {
  name: functionName,
  description: Type.Optional(Type.Union([Type.String(), Type.Null()], { title: 'a text' })),
  parameters: Type.Optional(Type.Union([Type.Object({}), Type.Null()], { title: 'a JSON schema of an object' })),
  strict: Type.Optional(Type.Union([Type.Boolean(), Type.Null()], { title: 'true or false' }))
}

const reference = Type.Object({ type: Type.Literal('function'), function: Type.Object({ name: functionName }) })
const tool = Type.Object({ type: Type.Enum(['function']), function: Type.Object(functionDefinition) })

const toolChoice = Type.Union([
  toolModes,
  reference,
  Type.Object({
    type: Type.Literal('allowed_tools'),
    allowed_tools: Type.Object({ mode: Type.Enum(['auto', 'required']), tools: Type.Array(reference, { minItems: 1, maxItems: 128 }) })
  })
], { title: '"none", "auto", "required", {"type": "function", "function": {"name": ...}}, or allowed_tools with mode and tools' })

/** What the model may call, and whether it must. */
export const toolFields = {
  tools: Type.Optional(Type.Array(tool, { maxItems: 128 })),
  tool_choice: Type.Optional(toolChoice),
  parallel_tool_calls: Type.Optional(Type.Boolean())
}

export type ToolFields = Static<Type.TObject<typeof toolFields>>
export type ToolChoice = Static<typeof toolChoice>
