import type { ToolCall, ToolCallDelta } from '../engine/api.js'

/** `tool_calls` of a whole message. */
export function toolCallsJson (calls: readonly ToolCall[]): object[] {
  return calls.map(({ id, name, argumentsText }) => ({ id, type: 'function', function: { name, arguments: argumentsText } }))
}

/** The calls of one streamed choice, each known by its place. */
export class ToolCallDeltas {
  readonly #ids: string[] = []

  /** What becomes of a delta, as JSON: what the call is, when it is new, and then its arguments. */
  next ({ id, name = '', arguments: args }: ToolCallDelta): string[] {
    const known = this.#ids.lastIndexOf(id)
    const index = known >= 0 ? known : this.#ids.push(id) - 1
    const deltas: string[] = []
    if (known < 0) deltas.push(JSON.stringify({ tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] }))
    if (args !== '') deltas.push(`{"tool_calls":[{"index":${index},"function":{"arguments":${JSON.stringify(args)}}}]}`)
    return deltas
  }
}
