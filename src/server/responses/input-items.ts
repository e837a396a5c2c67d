import type { ChatMessage } from '../../engine/api.js'
import { InvalidParameterError, UnsupportedFieldError } from '../errors.js'
import { templateCall } from '../message-calls.js'
import type { InputItem, InputPart, ResponsesRequest } from '../schemas/responses-request.js'

/** The input as a list: a text is the message of a user. */
export function itemsOf (input: ResponsesRequest['input']): readonly InputItem[] {
  return typeof input === 'string' ? [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: input }] }] : input
}

/**
 * A conversation, and what a request's items add to it. Calls go into the assistant's message before them, as chat
 * templates know them.
 *
 * @throws InvalidParameterError, UnsupportedFieldError that name the item, and the part
 */
export function readItems (previous: readonly ChatMessage[], items: readonly InputItem[]): ChatMessage[] {
  const messages = [...previous]
  const callIds = new Set(previous.flatMap(({ tool_calls: calls = [] }) => (calls as Array<{ id: string }>).map(({ id }) => id)))
  for (const [i, item] of items.entries()) addItem(messages, callIds, item, `input[${i}]`)
  return messages
}

function addItem (messages: ChatMessage[], callIds: Set<string>, item: InputItem, path: string): void {
  const { type = 'message' } = item
  switch (type) {
    case 'message': messages.push(readMessage(item, path))
      return
    case 'function_call': addCall(messages, callIds, item, path)
      return
    case 'function_call_output': messages.push(readOutput(callIds, item, path))
      return
    // What the model thought earlier is no part of the next prompt.
    case 'reasoning': return
    case 'item_reference':
      throw new UnsupportedFieldError(path, `${path} refers to an item by its id; send the item itself, or previous_response_id.`)
    default:
      throw new UnsupportedFieldError(path, `${path} is of the type ${JSON.stringify(type.slice(0, 40))}; messages, function calls and their outputs are taken.`)
  }
}

const roles = ['user', 'assistant', 'system', 'developer'] as const

function readMessage (item: InputItem, path: string): ChatMessage {
  const role = roles.find(known => known === item.role)
  if (role === undefined) {
    throw new InvalidParameterError(`${path}.role`, item.role === undefined
      ? `${path}.role is required.`
      : `${path}.role must be one of ${roles.join(', ')}. It is ${JSON.stringify(item.role.slice(0, 40))}.`)
  }
  if (item.content == null) throw new InvalidParameterError(`${path}.content`, `${path}.content is required.`)
  return { role, content: readContent(item.content, `${path}.content`) }
}

function addCall (messages: ChatMessage[], callIds: Set<string>, item: InputItem, path: string): void {
  const id = needed(item, 'call_id', path)
  const call = templateCall({ id, function: { name: needed(item, 'name', path), arguments: needed(item, 'arguments', path) } })
  callIds.add(id)
  const last = messages.at(-1)
  if (last?.role === 'assistant') messages[messages.length - 1] = { ...last, tool_calls: [...last.tool_calls ?? [], call] }
  else messages.push({ role: 'assistant', content: null, tool_calls: [call] })
}

function readOutput (callIds: ReadonlySet<string>, item: InputItem, path: string): ChatMessage {
  const callId = needed(item, 'call_id', path)
  if (!callIds.has(callId)) {
    throw new InvalidParameterError(`${path}.call_id`, `${path}.call_id names no function_call before it: ${JSON.stringify(callId.slice(0, 64))}.`)
  }
  if (item.output === undefined) throw new InvalidParameterError(`${path}.output`, `${path}.output is required.`)
  return { role: 'tool', content: readContent(item.output, `${path}.output`), tool_call_id: callId }
}

function needed (item: InputItem, field: 'call_id' | 'name' | 'arguments', path: string): string {
  const value = item[field]
  if (value === undefined) throw new InvalidParameterError(`${path}.${field}`, `${path}.${field} is required.`)
  return value
}

function readContent (content: string | readonly InputPart[], path: string): string {
  return typeof content === 'string' ? content : content.map((part, i) => readPart(part, `${path}[${i}]`)).join('\n')
}

const textTypes = ['input_text', 'output_text', 'text', 'summary_text']

function readPart (part: InputPart, path: string): string {
  const field = part.type === 'refusal' ? 'refusal' : 'text'
  if (field === 'text' && !textTypes.includes(part.type)) {
    throw new UnsupportedFieldError(path, `${path} is of the type ${JSON.stringify(part.type.slice(0, 40))}; this model takes text only.`)
  }
  const text = part[field]
  if (text === undefined) throw new InvalidParameterError(`${path}.${field}`, `${path}.${field} is required.`)
  return text
}
