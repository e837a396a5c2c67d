import type { ChatMessage } from '../engine/api.js'
import { InvalidParameterError, UnsupportedFieldError } from './errors.js'
import { callsOf, checkResults } from './message-calls.js'
import type { RequestMessage } from './schemas/chat-request.js'

/**
 * The request's messages as the engine takes them: one text each.
 *
 * @throws InvalidParameterError, UnsupportedFieldError that name the message, and the part
 */
export function readMessages (messages: readonly RequestMessage[]): ChatMessage[] {
  const read = messages.map((message, i) => readMessage(message, `messages[${i}]`))
  checkResults(messages)
  return read
}

function readMessage (message: RequestMessage, path: string): ChatMessage {
  const { role, name, tool_call_id: toolCallId } = message
  const toolCalls = callsOf(message)
  if (message.function_call != null && role !== 'assistant') {
    throw new InvalidParameterError(`${path}.function_call`, `Only an assistant's message has a function_call; ${path} is of the role ${role}.`)
  }
  if (toolCalls !== undefined && role !== 'assistant') {
    throw new InvalidParameterError(`${path}.tool_calls`, `Only an assistant's message has tool_calls; ${path} is of the role ${role}.`)
  }
  if (role === 'tool' && toolCallId === undefined) {
    throw new InvalidParameterError(`${path}.tool_call_id`, `${path}.tool_call_id is required: a tool's message names the call that it answers.`)
  }
  if (role === 'function' && name === undefined) {
    throw new InvalidParameterError(`${path}.name`, `${path}.name is required: a function's message names the function.`)
  }
  const content = readContent(message, path, toolCalls)
  return {
    role,
    content,
    ...(name === undefined ? {} : { name }),
    ...(toolCallId === undefined ? {} : { tool_call_id: toolCallId }),
    ...(toolCalls === undefined ? {} : { tool_calls: toolCalls }),
    ...reasoningOf(message)
  }
}

function reasoningOf ({ role, reasoning_content: content, reasoning }: RequestMessage): Pick<ChatMessage, 'reasoning_content'> {
  const text = content ?? reasoning ?? ''
  return role === 'assistant' && text !== '' ? { reasoning_content: text } : {}
}

function readContent ({ role, content }: RequestMessage, path: string, toolCalls: readonly object[] = []): string | null {
  if (typeof content === 'string') return content
  if (Array.isArray(content)) return content.map((part, j) => readPart(part, `${path}.content[${j}]`)).join('\n')
  if (role === 'assistant' && toolCalls.length > 0) return null
  throw new InvalidParameterError(`${path}.content`, `${path}.content is required; only an assistant's message with tool_calls or function_call may do without.`)
}

function readPart (part: { readonly type: string, readonly text?: string }, path: string): string {
  if (part.type !== 'text') {
    throw new UnsupportedFieldError(path, `${path} is of the type ${JSON.stringify(part.type.slice(0, 40))}; this model takes text only.`)
  }
  if (part.text === undefined) throw new InvalidParameterError(`${path}.text`, `${path}.text is required.`)
  return part.text
}
