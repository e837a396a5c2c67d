import { Type, type Static } from 'typebox'

const maxInt32 = 2 ** 31 - 1
const text = Type.String({ minLength: 1 })
const tokenIds = Type.Array(Type.Integer({ minimum: 0, maximum: maxInt32 }), { minItems: 1, maxItems: 2 ** 20 })

export const embeddingsRequest = Type.Object({
  model: Type.String({ minLength: 1 }),
  input: Type.Union([
    text,
    Type.Array(text, { minItems: 1, maxItems: 2048 }),
    tokenIds,
    Type.Array(tokenIds, { minItems: 1, maxItems: 2048 })
  ], { title: 'a text, a list of token ids, or a list of up to 2048 of either, none of them empty' }),
  encoding_format: Type.Optional(Type.Enum(['float', 'base64'])),
  dimensions: Type.Optional(Type.Integer({ minimum: 1, maximum: maxInt32 })),
  /** Lower is served first. */
  priority: Type.Optional(Type.Integer({ minimum: -maxInt32, maximum: maxInt32 })),
  cache_salt: Type.Optional(Type.String({ minLength: 1, maxLength: 1024 })),
  user: Type.Optional(Type.String())
})

export type EmbeddingsRequest = Static<typeof embeddingsRequest>
