import type { Choice, GenerationResult, Usage } from '../../engine/api.js'
import type { ResponsesRequest } from '../schemas/responses-request.js'
import { timingsJson } from '../timings.js'
import { functionCall, itemId, outputMessage, outputText, reasoningItem, reasoningText, type OutputItem } from './response-items.js'

export interface ResponseHead {
  readonly id: string
  /** Seconds since 1970. */
  readonly createdAt: number
  readonly body: ResponsesRequest
  readonly isStored: boolean
}

/** What has become of a response. */
interface Outcome {
  readonly status: 'in_progress' | 'completed' | 'incomplete' | 'failed'
  readonly completedAt?: number
  readonly output?: readonly OutputItem[]
  readonly error?: { readonly code: string, readonly message: string }
  readonly usage?: Usage
}

export function unfinishedResponse (head: ResponseHead): object {
  return responseObject(head, { status: 'in_progress' })
}

export type FinishedResponse = ReturnType<typeof finishedResponse>

/** `output`: as it was streamed. */
export function finishedResponse (head: ResponseHead, result: GenerationResult, output = outputOf(head, result.choices[0]!)) {
  const response = responseObject(head, { status: finalStatus(result), output, usage: result.usage, completedAt: Math.floor(Date.now() / 1000) })
  return head.body.include_timings === true ? { ...response, timings: timingsJson([result]) } : response
}

/** Of the response, and of the item that it ends with. */
export function finalStatus ({ choices: [choice] }: GenerationResult): 'completed' | 'incomplete' {
  return choice!.finishReason === 'length' ? 'incomplete' : 'completed'
}

/** Thoughts, text and calls in this order. There is a message without text where the model has said nothing, and was not cut off while it thought. */
function outputOf (head: ResponseHead, { text, reasoning, logprobs = [], finishReason, toolCalls = [] }: Choice): OutputItem[] {
  const isCut = finishReason === 'length'
  const status = isCut ? 'incomplete' : 'completed'
  const hasMessage = text !== '' || logprobs.length > 0 || (toolCalls.length === 0 && (reasoning === undefined || !isCut))
  return [
    ...reasoning === undefined ? [] : [reasoningItem(itemId(head.id, 'reasoning'), hasMessage ? 'completed' : status, [reasoningText(reasoning)])],
    ...hasMessage ? [outputMessage(itemId(head.id, 'message'), status, [outputText(text, logprobs)])] : [],
    ...toolCalls.map((call, i) => functionCall(itemId(head.id, 'function_call', i), 'completed', call))
  ]
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
    reasoning: { effort: body.reasoning?.effort ?? null, summary: null },
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

function usageOf ({ promptTokens, completionTokens, cachedTokens, reasoningTokens = 0 }: Usage): object {
  return {
    input_tokens: promptTokens,
    input_tokens_details: { cached_tokens: cachedTokens },
    output_tokens: completionTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens },
    total_tokens: promptTokens + completionTokens
  }
}
