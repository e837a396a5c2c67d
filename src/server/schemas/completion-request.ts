import { Type, type Static } from 'typebox'
import { timingsField } from '../timings.js'
import { constraintFields } from './constraint-fields.js'
import { samplingFields } from './sampling-fields.js'

const maxInt32 = 2 ** 31 - 1
const tokenIds = Type.Array(Type.Integer({ minimum: 0, maximum: maxInt32 }), { minItems: 1 })

export const completionRequest = Type.Object({
  ...samplingFields,
  ...timingsField,
  ...constraintFields,
  model: Type.String({ minLength: 1 }),
  prompt: Type.Union([
    Type.String(),
    Type.Array(Type.String(), { minItems: 1 }),
    tokenIds,
    Type.Array(tokenIds, { minItems: 1 })
  ], { title: 'a text, a list of texts, a list of token ids, or a list of lists of token ids' }),
  /** 0 scores the prompt, with echo. */
  max_tokens: Type.Optional(Type.Integer({ minimum: 0, maximum: maxInt32 })),
  echo: Type.Optional(Type.Boolean()),
  logprobs: Type.Optional(Type.Integer({ minimum: 0, maximum: 5 }))
})

export type CompletionRequest = Static<typeof completionRequest>
