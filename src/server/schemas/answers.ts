import { Type, type TSchema } from 'typebox'

// What successful answers are. The writers are not made of these: a test holds what they write to them.

const count = Type.Integer({ minimum: 0 })
const nullable = (schema: TSchema): TSchema => Type.Union([schema, Type.Null()])
const one = (text: string): TSchema => Type.Literal(text)

const usage = Type.Object({
  prompt_tokens: count,
  completion_tokens: count,
  total_tokens: count,
  prompt_tokens_details: Type.Object({ cached_tokens: count }),
  completion_tokens_details: Type.Optional(Type.Object({ reasoning_tokens: count }))
}, { additionalProperties: false })

const ms = Type.Number({ minimum: 0 })
const timings = Type.Object({
  queue_ms: ms, prefill_ms: ms, decode_ms: ms, preempted_ms: ms, tool_ms: ms, ttft_ms: nullable(ms), e2e_ms: ms, preemptions: count
}, { additionalProperties: false })

const tokenLogprob = { token: Type.String(), logprob: Type.Number(), bytes: Type.Array(Type.Integer({ minimum: 0, maximum: 255 })) }
export const tokenLogprobs = Type.Array(Type.Object({ ...tokenLogprob, top_logprobs: Type.Array(Type.Object(tokenLogprob)) }))
const chatLogprobs = nullable(Type.Object({
  content: tokenLogprobs,
  refusal: Type.Null()
}))
const completionLogprobs = nullable(Type.Object({
  tokens: Type.Array(Type.String()),
  token_logprobs: Type.Array(nullable(Type.Number())),
  top_logprobs: nullable(Type.Array(nullable(Type.Record(Type.String(), Type.Number())))),
  text_offset: Type.Array(count)
}))

const head = { id: Type.String(), created: count, model: Type.String(), system_fingerprint: Type.Null() }
const finishReason = Type.Enum(['stop', 'length', 'tool_calls'])
const called = Type.Object({ name: Type.String(), arguments: Type.String() })
const thoughts = { reasoning_content: Type.Optional(Type.String()), reasoning: Type.Optional(Type.String()) }
/** Of streams: usage is null in every event but the last; obfuscation makes events alike in size. */
const eventExtras = { usage: Type.Optional(nullable(usage)), obfuscation: Type.Optional(Type.String()), timings: Type.Optional(timings) }

export const chatAnswer = Type.Object({
  ...head,
  object: one('chat.completion'),
  choices: Type.Array(Type.Object({
    index: count,
    message: Type.Object({
      role: one('assistant'),
      content: nullable(Type.String()),
      refusal: Type.Null(),
      ...thoughts,
      tool_calls: Type.Optional(Type.Array(Type.Object({ id: Type.String(), type: one('function'), function: called })))
    }, { additionalProperties: false }),
    logprobs: chatLogprobs,
    finish_reason: finishReason
  }, { additionalProperties: false })),
  usage,
  timings: Type.Optional(timings)
}, { additionalProperties: false })

export const chatEvent = Type.Object({
  ...head,
  object: one('chat.completion.chunk'),
  choices: Type.Array(Type.Object({
    index: count,
    delta: Type.Object({
      role: Type.Optional(one('assistant')),
      content: Type.Optional(nullable(Type.String())),
      ...thoughts,
      tool_calls: Type.Optional(Type.Array(Type.Object({
        index: count,
        id: Type.Optional(Type.String()),
        type: Type.Optional(one('function')),
        function: Type.Object({ name: Type.Optional(Type.String()), arguments: Type.Optional(Type.String()) })
      })))
    }, { additionalProperties: false }),
    logprobs: chatLogprobs,
    finish_reason: nullable(finishReason)
  }, { additionalProperties: false })),
  ...eventExtras
}, { additionalProperties: false })

const completionChoice = { text: Type.String(), index: count, logprobs: completionLogprobs }

export const completionAnswer = Type.Object({
  ...head,
  object: one('text_completion'),
  choices: Type.Array(Type.Object({ ...completionChoice, finish_reason: finishReason }, { additionalProperties: false })),
  usage,
  timings: Type.Optional(timings)
}, { additionalProperties: false })

export const completionEvent = Type.Object({
  ...head,
  object: one('text_completion'),
  choices: Type.Array(Type.Object({ ...completionChoice, finish_reason: nullable(finishReason) }, { additionalProperties: false })),
  ...eventExtras
}, { additionalProperties: false })

export const embeddingsAnswer = Type.Object({
  object: one('list'),
  data: Type.Array(Type.Object({
    object: one('embedding'),
    index: count,
    embedding: Type.Union([Type.Array(Type.Number()), Type.String()], { title: 'numbers, or base64 of little-endian float32' })
  }, { additionalProperties: false })),
  model: Type.String(),
  usage: Type.Object({ prompt_tokens: count, total_tokens: count, prompt_tokens_details: Type.Object({ cached_tokens: count }) }, { additionalProperties: false })
}, { additionalProperties: false })

export const tokenizeAnswer = Type.Object({
  count, max_model_len: count, tokens: Type.Array(count), token_strs: nullable(Type.Array(Type.String()))
}, { additionalProperties: false })

export const detokenizeAnswer = Type.Object({ prompt: Type.String() }, { additionalProperties: false })

export const modelAnswer = Type.Object({
  id: Type.String(), object: one('model'), created: count, owned_by: Type.String(), root: Type.String(), parent: Type.Null(), max_model_len: nullable(count)
}, { additionalProperties: false })

export const modelsAnswer = Type.Object({ object: one('list'), data: Type.Array(modelAnswer) }, { additionalProperties: false })

export const versionAnswer = Type.Object({ version: Type.String() }, { additionalProperties: false })

export const healthAnswer = Type.Object({ status: one('ok') }, { additionalProperties: false })
