import { Type, type Static } from 'typebox'
import { message } from './chat-request.js'
import { toolFields } from './tool-fields.js'

const maxInt32 = 2 ** 31 - 1

/** A text, or the messages of a chat. */
export const tokenizeRequest = Type.Object({
  model: Type.Optional(Type.String({ minLength: 1 })),
  prompt: Type.Optional(Type.String()),
  messages: Type.Optional(Type.Array(message, { minItems: 1, maxItems: 10_000 })),
  tools: toolFields.tools,
  chat_template_kwargs: Type.Optional(Type.Object({})),
  return_token_strs: Type.Optional(Type.Boolean())
})

export const detokenizeRequest = Type.Object({
  model: Type.Optional(Type.String({ minLength: 1 })),
  tokens: Type.Array(Type.Integer({ minimum: 0, maximum: maxInt32 }), { maxItems: 2 ** 17 })
})

export type TokenizeRequest = Static<typeof tokenizeRequest>
export type DetokenizeRequest = Static<typeof detokenizeRequest>
