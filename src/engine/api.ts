import type { SamplingParams } from '../core/sampling-params.js'

/** One message of a conversation, as OpenAI spells it. */
export interface ChatMessage {
  readonly role: 'system' | 'developer' | 'user' | 'assistant' | 'tool' | 'function'
  readonly content: string | null
  readonly name?: string
  readonly tool_call_id?: string
  readonly tool_calls?: readonly unknown[]
}

export interface RequestOptions extends Partial<SamplingParams> {
  /** Ends the request within one step; its blocks are free then. */
  readonly signal?: AbortSignal
  /** Echoed in results and logs; made when missing. */
  readonly requestId?: string
  /** Prefix-cache tenant: sequences of different salts never share blocks. */
  readonly cacheSalt?: string
  /** Lower runs first under the `priority` policy. */
  readonly priority?: number
}

export interface ChatOptions extends RequestOptions {
  /** Passed to the chat template beside the messages. */
  readonly templateVariables?: Readonly<Record<string, unknown>>
  /** Tool definitions for the chat template. */
  readonly tools?: readonly unknown[]
}

/** 'stop': EOS, a stop id or a stop string. 'length': maxTokens or the context's end. */
export type FinishReason = 'stop' | 'length' | 'abort' | 'error'

export interface TokenLogprob {
  readonly tokenId: number
  readonly token: string
  /** UTF-8 bytes of the token, also of half a character. */
  readonly bytes: readonly number[]
  /** Natural logarithm; -9999 for an impossible token. */
  readonly logprob: number
  readonly top: ReadonlyArray<{ tokenId: number; token: string; bytes: readonly number[]; logprob: number }>
}

/** A piece of one choice. Text is never half a character, and never part of a stop string. */
export interface GenerationChunk {
  /** Which of the `n` choices: 0 to n - 1. */
  readonly index: number
  readonly text: string
  readonly tokenIds: readonly number[]
  /** For the tokens of `text`, when asked for. */
  readonly logprobs?: readonly TokenLogprob[]
  /** Set on the choice's last chunk only. */
  readonly finishReason?: FinishReason
}

export interface Usage {
  readonly promptTokens: number
  readonly completionTokens: number
  /** Prompt tokens whose KV came from the prefix cache. */
  readonly cachedTokens: number
}

/** Where a request's wall time went, in ms; the parts sum to `e2eMs`. */
export interface Timeline {
  readonly queueMs: number
  readonly prefillMs: number
  readonly decodeMs: number
  /** Waiting again after preemptions. */
  readonly preemptedMs: number
  readonly e2eMs: number
  /** Arrival to first token; undefined when none came. */
  readonly ttftMs: number | undefined
  readonly preemptions: number
}

export interface Choice {
  readonly index: number
  readonly text: string
  readonly tokenIds: readonly number[]
  readonly logprobs?: readonly TokenLogprob[]
  readonly finishReason: FinishReason
}

export interface GenerationResult {
  readonly requestId: string
  readonly choices: readonly Choice[]
  readonly usage: Usage
  readonly timeline: Timeline
  /** (promptTokens,): null for the first token, when asked for. */
  readonly promptLogprobs?: ReadonlyArray<TokenLogprob | null>
  readonly promptTokenIds: readonly number[]
}

/**
 * A running request: iterate it for chunks as they come, or await `result()`; both work on one
 * object. Leaving the iteration early aborts the request.
 */
export interface Generation extends AsyncIterable<GenerationChunk> {
  readonly requestId: string
  /** Rejects with the engine's error; resolves with finish reason 'abort' after an abort. */
  result (): Promise<GenerationResult>
  abort (): void
}
