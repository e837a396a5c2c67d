import type { Choice, GenerationResult, ToolCall, Usage } from '../../engine/api.js'
import type { ResponsesRequest } from '../schemas/responses-request.js'
import { chatLogprobs } from '../token-logprobs-json.js'

export interface ResponseHead {
  readonly id: string
  /** Seconds since 1970. */
  readonly createdAt: number
  readonly body: ResponsesRequest
  readonly isStored: boolean
}

export interface OutputMessage {
  readonly type: 'message'
  readonly id: string
  readonly role: 'assistant'
  readonly status: ItemStatus
  readonly content: OutputText[]
}

export interface OutputText {
  readonly type: 'output_text'
  readonly text: string
  readonly annotations: readonly never[]
  readonly logprobs: readonly object[]
}

export interface FunctionCall {
  readonly type: 'function_call'
  readonly id: string
  readonly call_id: string
  readonly name: string
  readonly arguments: string
  readonly status: ItemStatus
}

export type OutputItem = OutputMessage | FunctionCall

export type ItemStatus = 'in_progress' | 'completed' | 'incomplete'

/** What has become of a response. */
interface Outcome {
  readonly status: 'in_progress' | 'completed' | 'incomplete' | 'failed'
  readonly completedAt?: number
  readonly output?: readonly OutputItem[]
  readonly error?: { readonly code: string, readonly message: string }
  readonly usage?: Usage
}

/** Its id says which response it is of, so that the stream and the response agree without keeping it. */
export function messageId (head: ResponseHead): string {
  return head.id.replace('resp_', 'msg_')
}

export function outputMessage (head: ResponseHead, status: ItemStatus, content: OutputText[]): OutputMessage {
  return { type: 'message', id: messageId(head), role: 'assistant', status, content }
}

export function outputText (text: string, logprobs: Choice['logprobs']): OutputText {
  return { type: 'output_text', text, annotations: [], logprobs: textLogprobs(logprobs) }
}

function functionCall (head: ResponseHead, index: number, { id, name, arguments: args }: ToolCall): FunctionCall {
  return {
    type: 'function_call',
    id: `${head.id.replace('resp_', 'fc_')}_${index}`,
    call_id: id,
    name,
    arguments: JSON.stringify(args),
    status: 'completed'
  }
}

export function textLogprobs (logprobs: Choice['logprobs']): object[] {
  return chatLogprobs(logprobs)?.content ?? []
}

export function unfinishedResponse (head: ResponseHead): object {
  return responseObject(head, { status: 'in_progress' })
}

export type FinishedResponse = ReturnType<typeof finishedResponse>

export function finishedResponse (head: ResponseHead, { choices: [choice], usage }: GenerationResult) {
  const { text, logprobs = [], finishReason, toolCalls = [] } = choice!
  const status = finishReason === 'length' ? 'incomplete' : 'completed'
  const hasMessage = text !== '' || logprobs.length > 0 || toolCalls.length === 0
  const output: OutputItem[] = [
    ...hasMessage ? [outputMessage(head, status, [outputText(text, logprobs)])] : [],
    ...toolCalls.map((call, i) => functionCall(head, i, call))
  ]
  return responseObject(head, { status, output, usage, completedAt: Math.floor(Date.now() / 1000) })
}

/** Begun and not brought to an end, by a fault of the server. */
export function failedResponse (head: ResponseHead, message: string): object {
  return responseObject(head, { status: 'failed', error: { code: 'server_error', message } })
}

function responseObject (head: ResponseHead, { status, completedAt, output = [], error, usage }: Outcome) {
  const { id, createdAt, body, isStored } = head
  return {
    id,
    object: 'response' as const,
    created_at: createdAt,
    completed_at: completedAt ?? null,
    status,
    background: false,
    error: error ?? null,
    incomplete_details: status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    metadata: body.metadata ?? {},
    model: body.model,
    output,
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: body.previous_response_id ?? null,
    reasoning: { effort: null, summary: null },
    service_tier: body.service_tier ?? 'default',
    store: isStored,
    temperature: body.temperature ?? null,
    text: { format: body.text?.format ?? { type: 'text' } },
    tool_choice: body.tool_choice ?? 'auto',
    tools: body.tools ?? [],
    top_logprobs: body.top_logprobs ?? 0,
    top_p: body.top_p ?? null,
    truncation: 'disabled',
    usage: usage === undefined ? null : usageOf(usage),
    user: body.user ?? null
  }
}

function usageOf ({ promptTokens, completionTokens, cachedTokens }: Usage): object {
  return {
    input_tokens: promptTokens,
    input_tokens_details: { cached_tokens: cachedTokens },
    output_tokens: completionTokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: promptTokens + completionTokens
  }
}
