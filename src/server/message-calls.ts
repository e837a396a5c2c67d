import { InvalidParameterError } from './errors.js'
import { parseJsonText } from './json-body.js'
import type { RequestMessage } from './schemas/chat-request.js'

type WireCall = NonNullable<RequestMessage['tool_calls']>[number]

/** The calls of an assistant's message, as templates take them; a function_call of old conversations becomes one. */
export function callsOf ({ tool_calls: toolCalls, function_call: functionCall }: RequestMessage): readonly object[] | undefined {
  if (toolCalls != null) return toolCalls.map(templateCall)
  return functionCall == null ? undefined : [templateCall({ id: `call_${functionCall.name}`, function: functionCall })]
}

/** Templates write arguments as the JSON that they are. What is none stays a text: the model may have written it so. */
export function templateCall ({ id, function: { name, arguments: args } }: WireCall): object {
  return { id, type: 'function', function: { name, arguments: parsedObject(args) ?? args } }
}

function parsedObject (json: string): object | undefined {
  if (json.trim() === '') return {}
  try {
    const value = parseJsonText(json)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

/**
 * Every result answers a call of an earlier message; in what order they come does not matter.
 *
 * @throws InvalidParameterError that names the message
 */
export function checkResults (messages: readonly RequestMessage[]): void {
  const called = new Set<string>()
  for (const [i, { role, tool_calls: calls, tool_call_id: id }] of messages.entries()) {
    for (const call of calls ?? []) called.add(call.id)
    if (role !== 'tool' || id === undefined || called.has(id)) continue
    throw new InvalidParameterError(`messages[${i}].tool_call_id`, called.size === 0
      ? `messages[${i}].tool_call_id answers a call, but no message before it has tool_calls.`
      : `messages[${i}].tool_call_id is ${JSON.stringify(id.slice(0, 80))}, which no message before it calls. Calls have the ids ${[...called].slice(-10).map(known => JSON.stringify(known.slice(0, 80))).join(', ')}.`)
  }
}
