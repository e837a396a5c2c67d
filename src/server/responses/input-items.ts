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
  let thoughts = ''
  for (const [i, item] of items.entries()) {
    const path = `input[${i}]`
    if (item.type === 'reasoning') thoughts += readThoughts(item, path)
    else {
      addItem(messages, callIds, item, path)
      addThoughts(messages, thoughts)
      thoughts = ''
    }
  }
  return messages
}

/** What an assistant's message or call comes from. Templates say it again, or leave it out. */
function addThoughts (messages: ChatMessage[], thoughts: string): void {
  const last = messages.at(-1)!
  if (thoughts === '' || last.role !== 'assistant') return
  messages[messages.length - 1] = { ...last, reasoning_content: (last.reasoning_content ?? '') + thoughts }
}

function readThoughts ({ content }: InputItem, path: string): string {
  return content == null ? '' : readContent(content, `${path}.content`, ['reasoning_text', 'text'])
}

function addItem (messages: ChatMessage[], callIds: Set<string>, item: InputItem, path: string): void {
  const { type = 'message' } = item
  switch (type) {
    case 'message': messages.push(readMessage(item, path))
      return
    // One that a stream began, and that came as text.
    case 'function_call': if (item.status !== 'incomplete') addCall(messages, callIds, item, path)
      return
    case 'function_call_output': messages.push(readOutput(callIds, item, path))
      return
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

const textTypes = ['input_text', 'output_text', 'text', 'summary_text']

function readContent (content: string | readonly InputPart[], path: string, types = textTypes): string {
  return typeof content === 'string' ? content : content.map((part, i) => readPart(part, `${path}[${i}]`, types)).join('\n')
}

function readPart (part: InputPart, path: string, types: readonly string[]): string {
  const field = part.type === 'refusal' ? 'refusal' : 'text'
  if (field === 'text' && !types.includes(part.type)) {
    throw new UnsupportedFieldError(path, `${path} is of the type ${JSON.stringify(part.type.slice(0, 40))}; this model takes text only.`)
  }
  const text = part[field]
  if (text === undefined) throw new InvalidParameterError(`${path}.${field}`, `${path}.${field} is required.`)
  return text
}
