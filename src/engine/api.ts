import type { FinishReason as EndReason } from '../core/finish-reason.js'
import type { Constraint } from '../grammar/constraint.js'
import type { Forecast } from '../scheduler/forecast.js'
import type { Slo } from '../scheduler/sequence.js'
import type { SamplingInput } from '../core/resolve-sampling-params.js'

export type { Constraint } from '../grammar/constraint.js'
export type { Forecast } from '../scheduler/forecast.js'
export type { Slo } from '../scheduler/sequence.js'

/** Why a choice ended. 'tool_calls': it calls tools that the caller is to run. */
export type FinishReason = EndReason | 'tool_calls'

/** One message of a conversation, as OpenAI spells it. */
export interface ChatMessage {
  readonly role: 'system' | 'developer' | 'user' | 'assistant' | 'tool' | 'function'
  readonly content: string | null
  readonly name?: string
  readonly tool_call_id?: string
  readonly tool_calls?: readonly unknown[]
  /** What the assistant thought before it: some templates repeat it. */
  readonly reasoning_content?: string
}

export interface RequestOptions extends SamplingInput {
  /** Ends the request within one step; its blocks are free then. */
  readonly signal?: AbortSignal | undefined
  /** Echoed in results and logs; made when missing. */
  readonly requestId?: string | undefined
  /** Prefix-cache tenant: sequences of different salts never share blocks. */
  readonly cacheSalt?: string | undefined
  /** Lower is served first, by policies that look at it; 0. */
  readonly priority?: number | undefined
  /** Times that the request asks for, in ms. */
  readonly slo?: Slo | undefined
  /**
   * When the caller stops listening, in ms from the arrival. It orders nothing; but a request whose first token
   * is forecast for later is refused at once (ERR_OVERLOADED). Ending it then is the caller's.
   */
  readonly giveUpMs?: number | undefined
  /** Of the client's network, 0 (bad) to 1; 1. */
  readonly linkHealth?: number | undefined
  /** Tokens that the client takes a second, reading or over its link, for an engine with pacing; what people read. */
  readonly readingTokensPerSec?: number | undefined
  /**
   * What the answer must be, token by token; of an answer that runs registered tools, its first round. Needs EOS, so
   * it goes with neither `ignoreEos` nor `minTokens`.
   */
  readonly constraint?: Constraint | undefined
  /** Requests of one conversation share it: a turn after a tool call finds the KV of the turn before. */
  readonly sessionId?: string | undefined
  /** Only to find out whether the engine works: no metric counts it, and nothing is learnt from it. */
  readonly isProbe?: boolean | undefined
}

export interface ChatOptions extends RequestOptions {
  readonly messages: readonly ChatMessage[]
  /** Passed to the chat template beside the messages. */
  readonly templateVariables?: Readonly<Record<string, unknown>> | undefined
  /** The answer goes on with the last message, which is the assistant's; its text is what comes behind that. Default false. */
  readonly continueFinalMessage?: boolean | undefined
  /**
   * What the model may call: names of registered tools, which the engine runs, and definitions in
   * OpenAI's form of tools that the caller runs. 'registered' offers all that are registered.
   */
  readonly tools?: 'registered' | readonly unknown[] | undefined
  /** 'required': the answer is calls, with arguments that fit the tools' schemas, and nothing else; of several rounds, the first. Default 'auto'. */
  readonly toolChoice?: 'auto' | 'required' | undefined
  /** Of the offered tools, those whose calls are read; all. The model sees the others too: the prompt stays the same. */
  readonly allowedTools?: readonly string[] | undefined
  /** Whether an answer may have several calls; else it ends with the first one. Default true. */
  readonly parallelToolCalls?: boolean | undefined
  /** How often registered tools are run before their calls are left to the caller; 8. */
  readonly maxToolRounds?: number | undefined
}

/** A tool that runs in this process, within the request that calls it. */
export interface Tool<Args = Record<string, unknown>> {
  /** 1 to 64 letters, digits, `_` or `-`. */
  readonly name: string
  /** For the model: what it does, and when to call it. */
  readonly description?: string | undefined
  /** JSON schema of an object; no arguments when missing. The model's arguments are checked against it. */
  readonly parameters?: Readonly<Record<string, unknown>> | undefined
  /** After this time the model is told that it did not answer; 60 000. */
  readonly timeoutMs?: number | undefined
  /** Longer results are cut, and the model is told so; 65 536 UTF-16 code units. */
  readonly maxResultChars?: number | undefined
  /** The result, or a promise of it: a text, or anything that JSON has. The model reads the message of an error. */
  call (args: Args, context: ToolContext): unknown
}

export interface ToolContext {
  /** Aborted when the request ends or the time is over. */
  readonly signal: AbortSignal
  readonly requestId: string
  readonly callId: string
}

/** A tool that the model has called. */
export interface ToolCall {
  readonly id: string
  /** Empty when the call cannot be read. */
  readonly name: string
  readonly arguments: Readonly<Record<string, unknown>>
  /** The same as JSON, as the model wrote it. */
  readonly argumentsText: string
  /** Why it cannot be read. */
  readonly error?: string
}

/** What a call that is being written goes on by. */
export interface ToolCallDelta {
  /** That of the call, once it is whole. */
  readonly id: string
  /** In the call's first delta, and only there. */
  readonly name?: string
  /** Deltas of one call put together are its `argumentsText`. */
  readonly arguments: string
  /** With the last one: the call counts. What never gets there was no call, and comes as text. */
  readonly isComplete?: boolean
}

/** What a registered tool gave. */
export interface ToolResult {
  readonly callId: string
  readonly name: string
  /** As the model reads it. */
  readonly content: string
  readonly isError: boolean
  readonly durationMs: number
}

export interface CompleteOptions extends RequestOptions {
  /** Text, or token ids as the model gets them. */
  readonly prompt: string | readonly number[]
  /** Special tokens written in `prompt` are meant, not the text that they look like. Default false. */
  readonly parseSpecialTokens?: boolean | undefined
}

export interface EmbedOptions {
  /** A text, token ids as the model gets them, or a list of either. */
  readonly input: string | readonly number[] | readonly string[] | ReadonlyArray<readonly number[]>
  /** The first so many numbers of each, which models are trained for that can do with fewer; all. */
  readonly dimensions?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly requestId?: string | undefined
  readonly cacheSalt?: string | undefined
  readonly priority?: number | undefined
  readonly slo?: Slo | undefined
  /** When the caller stops waiting for the whole of it, in ms from the call; as of other requests. */
  readonly giveUpMs?: number | undefined
}

export interface EmbedResult {
  readonly requestId: string
  /** One for each input, in their order, each of length 1: the last token's hidden state after the last norm. */
  readonly embeddings: readonly Float32Array[]
  readonly usage: { readonly promptTokens: number, readonly cachedTokens: number }
}

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
  /** What the model thought before `text`, of models whose template shows that they do; its tokens are in none of the fields. */
  readonly reasoning?: string
  /** The tokens of `text`; those that ended the choice (EOS, a stop id, a stop string) are left out. */
  readonly tokenIds: readonly number[]
  /** For the tokens of `text`, when asked for. */
  readonly logprobs?: readonly TokenLogprob[]
  /** What calls go on by while they are written, behind `text`; their tokens are in none of the fields. */
  readonly toolCallDeltas?: readonly ToolCallDelta[]
  /** The calls of an answer that has ended, in a chunk without text. */
  readonly toolCalls?: readonly ToolCall[]
  /** Of registered tools, each as it comes, in a chunk without text. */
  readonly toolResults?: readonly ToolResult[]
  /** Set on the choice's last chunk only. */
  readonly finishReason?: FinishReason
}

/** Sums over the rounds of a request that ran tools. */
export interface Usage {
  readonly promptTokens: number
  /** Sampled tokens of all choices, those that ended them included. */
  readonly completionTokens: number
  /** Of them, those of thoughts; missing for models that do not show any. */
  readonly reasoningTokens?: number
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
  /** Registered tools ran, and their results became a prompt. */
  readonly toolMs: number
  readonly e2eMs: number
  /** Arrival to first token; undefined when none came. */
  readonly ttftMs: number | undefined
  readonly preemptions: number
}

export interface Choice {
  readonly index: number
  readonly text: string
  /** What the model thought before `text`; missing when it did not. */
  readonly reasoning?: string
  readonly tokenIds: readonly number[]
  readonly logprobs?: readonly TokenLogprob[]
  readonly finishReason: FinishReason
  /** Calls that nobody has run: the caller's to answer after 'tool_calls'. */
  readonly toolCalls?: readonly ToolCall[]
  /** What it adds to the conversation, calls and results included; of chats with tools that the engine reads calls for. */
  readonly messages?: readonly ChatMessage[]
}

export interface GenerationResult {
  readonly requestId: string
  readonly choices: readonly Choice[]
  readonly usage: Usage
  readonly timeline: Timeline
  /** What the queue promised when the request came; undefined when it never queued. */
  readonly forecast?: Forecast
  /** Whether the times that it asked for were met; undefined when it asked for none. */
  readonly sloMet?: boolean
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
  /** Resolves when the request is checked and queued; rejects with what is wrong with it. */
  readonly accepted: Promise<void>
  /** Rejects with the engine's error; resolves with finish reason 'abort' after an abort. */
  result (): Promise<GenerationResult>
  abort (): void
}
