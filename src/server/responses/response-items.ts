import type { TokenLogprob, ToolCall } from '../../engine/api.js'
import { chatLogprobs } from '../token-logprobs-json.js'

/** What the model thought; a summary of it nobody has written. */
export interface ReasoningItem {
  readonly type: 'reasoning'
  readonly id: string
  readonly summary: readonly never[]
  readonly content: ReasoningText[]
  readonly status: ItemStatus
}

export interface ReasoningText {
  readonly type: 'reasoning_text'
  readonly text: string
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

export type OutputItem = ReasoningItem | OutputMessage | FunctionCall

export type ItemStatus = 'in_progress' | 'completed' | 'incomplete'

const idPrefixes = { reasoning: 'rs_', message: 'msg_', function_call: 'fc_' } as const

/** Says which response it is of, so that the stream and the response agree without keeping it. `place`: among the response's items of its type. */
export function itemId (responseId: string, type: OutputItem['type'], place = 0): string {
  const id = responseId.replace('resp_', idPrefixes[type])
  return place === 0 && type !== 'function_call' ? id : `${id}_${place}`
}

export function reasoningItem (id: string, status: ItemStatus, content: ReasoningText[]): ReasoningItem {
  return { type: 'reasoning', id, summary: [], content, status }
}

export function reasoningText (text: string): ReasoningText {
  return { type: 'reasoning_text', text }
}

export function outputMessage (id: string, status: ItemStatus, content: OutputText[]): OutputMessage {
  return { type: 'message', id, role: 'assistant', status, content }
}

export function outputText (text: string, logprobs: readonly TokenLogprob[] | undefined): OutputText {
  return { type: 'output_text', text, annotations: [], logprobs: textLogprobs(logprobs) }
}

export function functionCall (id: string, status: ItemStatus, { id: callId, name, argumentsText }: Pick<ToolCall, 'id' | 'name' | 'argumentsText'>): FunctionCall {
  return { type: 'function_call', id, call_id: callId, name, arguments: argumentsText, status }
}

export function textLogprobs (logprobs: readonly TokenLogprob[] | undefined): object[] {
  return chatLogprobs(logprobs)?.content ?? []
}
