import { Type, type Static } from 'typebox'
import type { RequestOptions, Slo } from '../../engine/api.js'
import { InvalidParameterError } from '../errors.js'

const maxInt32 = 2 ** 31 - 1
const tokenId = Type.Integer({ minimum: 0, maximum: maxInt32 })

/** Fields that both endpoints share. Missing ones take the model's own defaults, in the engine. */
export const samplingFields = {
  temperature: Type.Optional(Type.Number({ minimum: 0, maximum: 2 })),
  top_p: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  /** -1 and 0 = all. */
  top_k: Type.Optional(Type.Integer({ minimum: -1, maximum: 2 ** 30 })),
  min_p: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  repetition_penalty: Type.Optional(Type.Number({ minimum: 0.01, maximum: 100 })),
  frequency_penalty: Type.Optional(Type.Number({ minimum: -2, maximum: 2 })),
  presence_penalty: Type.Optional(Type.Number({ minimum: -2, maximum: 2 })),
  n: Type.Optional(Type.Integer({ minimum: 1, maximum: 128 })),
  seed: Type.Optional(Type.Integer({ minimum: -(2 ** 63), maximum: 2 ** 63 })),
  stop: Type.Optional(Type.Union([
    Type.String({ minLength: 1, maxLength: 1024 }),
    Type.Array(Type.String({ minLength: 1, maxLength: 1024 }), { maxItems: 16 })
  ], { title: 'a text, or a list of up to 16 texts, each of 1 to 1024 characters' })),
  stop_token_ids: Type.Optional(Type.Array(tokenId, { maxItems: 1024 })),
  ignore_eos: Type.Optional(Type.Boolean()),
  min_tokens: Type.Optional(Type.Integer({ minimum: 0, maximum: maxInt32 })),
  logit_bias: Type.Optional(Type.Record(
    Type.String({ pattern: '^[0-9]{1,10}$' }), Type.Number({ minimum: -100, maximum: 100 }),
    { additionalProperties: false, maxProperties: 4096 }
  )),
  /** Lower is served first. */
  priority: Type.Optional(Type.Integer({ minimum: -maxInt32, maximum: maxInt32 })),
  slo: Type.Optional(Type.Object({
    ttft_ms: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: maxInt32 })),
    tpot_ms: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: maxInt32 })),
    deadline_ms: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: maxInt32 }))
  }, { additionalProperties: false })),
  service_tier: Type.Optional(Type.Union([Type.Enum(['auto', 'default', 'flex', 'scale', 'priority']), Type.Null()])),
  /** What the client takes, for an engine with pacing. */
  reading_tokens_per_sec: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1e6 })),
  session_id: Type.Optional(Type.String({ minLength: 1, maxLength: 1024 })),
  cache_salt: Type.Optional(Type.String({ minLength: 1, maxLength: 1024 })),
  stream: Type.Optional(Type.Boolean()),
  stream_options: Type.Optional(Type.Object({
    include_usage: Type.Optional(Type.Boolean()),
    include_obfuscation: Type.Optional(Type.Boolean())
  })),
  user: Type.Optional(Type.String()),
  metadata: Type.Optional(Type.Object({})),
  store: Type.Optional(Type.Boolean())
}

export type SamplingFields = Static<Type.TObject<typeof samplingFields>>

/** The engine's options for the shared fields that the request gives. */
export function samplingOptions (body: SamplingFields): RequestOptions {
  return {
    temperature: body.temperature,
    topP: body.top_p,
    topK: body.top_k === undefined ? undefined : Math.max(0, body.top_k),
    minP: body.min_p,
    repetitionPenalty: body.repetition_penalty,
    frequencyPenalty: body.frequency_penalty,
    presencePenalty: body.presence_penalty,
    n: body.n,
    seed: body.seed === undefined ? undefined : BigInt.asIntN(64, BigInt(body.seed)),
    stop: body.stop,
    stopTokenIds: body.stop_token_ids,
    ignoreEos: body.ignore_eos,
    minTokens: body.min_tokens,
    logitBias: body.logit_bias,
    cacheSalt: body.cache_salt,
    priority: body.priority ?? tierPriority(body.service_tier),
    slo: body.slo === undefined ? undefined : sloOf(body.slo),
    readingTokensPerSec: body.reading_tokens_per_sec,
    sessionId: body.session_id
  }
}

function sloOf ({ ttft_ms: ttftMs, tpot_ms: tpotMs, deadline_ms: deadlineMs }: NonNullable<SamplingFields['slo']>): Slo {
  return {
    ...ttftMs === undefined ? {} : { ttftMs },
    ...tpotMs === undefined ? {} : { tpotMs },
    ...deadlineMs === undefined ? {} : { deadlineMs }
  }
}

/** Flexible requests let others pass, those with priority pass others, under policies that look at it. */
function tierPriority (tier: SamplingFields['service_tier']): number {
  if (tier === 'flex') return 1
  return tier === 'priority' ? -1 : 0
}

/** @throws InvalidParameterError for fields that contradict each other */
export function checkSampling (body: SamplingFields): void {
  if (body.stream_options !== undefined && body.stream !== true) {
    throw new InvalidParameterError('stream_options', 'stream_options needs "stream": true.')
  }
  const { ttft_ms: ttftMs, deadline_ms: deadlineMs } = body.slo ?? {}
  if (ttftMs !== undefined && deadlineMs !== undefined && ttftMs > deadlineMs) {
    throw new InvalidParameterError('slo.ttft_ms', `slo.ttft_ms (${ttftMs}) is after slo.deadline_ms (${deadlineMs}): the first token cannot be later than the last.`)
  }
}
