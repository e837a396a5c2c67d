import { ApiError, apiError } from './api-error.js'
import { readEvents } from './event-reader.js'

export interface ClientOptions {
  /** Such as http://127.0.0.1:8000, with or without /v1. */
  readonly baseUrl: string
  readonly apiKey?: string
  /** Default: the global one. */
  readonly fetch?: typeof globalThis.fetch
}

export interface ChatMessageInput {
  readonly role: 'system' | 'developer' | 'user' | 'assistant' | 'tool'
  readonly content: string | null
}

/** A request as the API takes it; further fields are sent as they are. */
export interface ChatRequestInput {
  readonly model: string
  readonly messages: readonly ChatMessageInput[]
  readonly [field: string]: unknown
}

export interface ChatUsage {
  readonly promptTokens: number
  readonly completionTokens: number
  readonly cachedTokens: number
}

export interface ChatDelta {
  /** Which of the `n` choices. */
  readonly index: number
  readonly text: string
  /** Set on the last delta of a choice only. */
  readonly finishReason?: string
  /** Set on the very last delta, which has no text. */
  readonly usage?: ChatUsage
}

export interface Client {
  /**
   * Streams an answer; leaving the loop ends it on the server too.
   *
   * @throws ApiError, also in the middle; TypeError of fetch when there is no connection
   */
  chat (request: ChatRequestInput, options?: { readonly signal?: AbortSignal }): AsyncGenerator<ChatDelta>
  /** Wall time of the smallest request, in ms: the best of `count`, the first of which opens the connection. */
  measureRtt (count?: number): Promise<number>
}

/** A client of one server, for Node and browsers. */
export function createClient ({ baseUrl, apiKey, fetch = globalThis.fetch }: ClientOptions): Client {
  const root = baseUrl.replace(/\/+$/, '').replace(/\/v1$/, '')
  const authorization: Record<string, string> = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }

  async function* chat (request: ChatRequestInput, options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<ChatDelta> {
    const response = await fetch(`${root}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...authorization },
      body: JSON.stringify({ ...request, stream: true, stream_options: { include_usage: true } }),
      signal: options.signal ?? null
    })
    const requestId = response.headers.get('x-request-id') ?? undefined
    if (!response.ok || response.body === null) throw apiError(await jsonOf(response), response.status, requestId)
    for await (const data of readEvents(response.body)) {
      if (data === '[DONE]') return
      yield* deltasOf(JSON.parse(data) as ChunkJson, requestId)
    }
    throw new ApiError('The stream ended before the answer did.', { requestId })
  }

  async function measureRtt (count = 3): Promise<number> {
    let best = Infinity
    for (let i = 0; i < Math.max(1, count); i++) {
      const startMs = performance.now()
      const response = await fetch(`${root}/api/version`)
      await response.arrayBuffer()
      if (!response.ok) throw apiError(undefined, response.status)
      best = Math.min(best, performance.now() - startMs)
    }
    return best
  }
  return { chat, measureRtt }
}

interface ChunkJson {
  readonly error?: unknown
  readonly choices?: ReadonlyArray<{ index: number, delta: { content?: string }, finish_reason: string | null }>
  readonly usage?: { prompt_tokens: number, completion_tokens: number, prompt_tokens_details?: { cached_tokens: number } } | null
}

function* deltasOf (chunk: ChunkJson, requestId: string | undefined): Generator<ChatDelta> {
  if (chunk.error !== undefined) throw apiError(chunk, undefined, requestId)
  for (const { index, delta, finish_reason: finishReason } of chunk.choices ?? []) {
    const text = delta.content ?? ''
    if (text !== '' || finishReason !== null) yield { index, text, ...finishReason === null ? {} : { finishReason } }
  }
  const { usage } = chunk
  if (usage != null) {
    yield {
      index: 0,
      text: '',
      usage: {
        promptTokens: usage.prompt_tokens,
        completionTokens: usage.completion_tokens,
        cachedTokens: usage.prompt_tokens_details?.cached_tokens ?? 0
      }
    }
  }
}

async function jsonOf (response: Response): Promise<unknown> {
  return await response.json().catch(() => undefined)
}
