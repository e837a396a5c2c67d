import type { ToolCall } from '../engine/api.js'

/** `tool_calls` of a whole message. */
export function toolCallsJson (calls: readonly ToolCall[]): object[] {
  return calls.map(({ id, name, arguments: args }) => ({ id, type: 'function', function: { name, arguments: JSON.stringify(args) } }))
}

/** A call as deltas: what it is, and then its arguments. */
export function toolCallDeltas ({ id, name, arguments: args }: ToolCall, index: number): object[] {
  return [
    { tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] },
    { tool_calls: [{ index, function: { arguments: JSON.stringify(args) } }] }
  ]
}
