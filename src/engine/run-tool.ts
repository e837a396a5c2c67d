import type { ToolCall, ToolResult } from './api.js'
import type { OfferedTools, RegisteredTool } from './registered-tools.js'

export interface RunContext {
  readonly requestId: string
  /** The request has ended: nobody waits for the result. */
  readonly signal: AbortSignal
  readonly now: () => number
}

/** Why a call is not run, in words for the model; undefined when it is. */
export function refusalOf (call: ToolCall, { registered, names }: OfferedTools): string | undefined {
  if (call.error !== undefined) return call.error
  const tool = registered.get(call.name)
  return tool === undefined ? `There is no tool ${call.name.slice(0, 64)}. There are: ${names.join(', ')}.` : tool.check(call.arguments)
}

/** Never rejects: what goes wrong is the result. */
export async function runTool (tool: RegisteredTool, call: ToolCall, context: RunContext): Promise<ToolResult> {
  const { now } = context
  const startMs = now()
  // Not in the step's own time, and not before the others have begun: tools may compute.
  await Promise.resolve()
  try {
    const content = textOf(await withinTime(tool, call, context))
    return { callId: call.id, name: tool.name, content: cut(content, tool.maxResultChars), isError: false, durationMs: now() - startMs }
  } catch (error) {
    const message = `The tool ${tool.name} failed: ${messageOf(error)}`
    return { callId: call.id, name: tool.name, content: cut(message, tool.maxResultChars), isError: true, durationMs: now() - startMs }
  }
}

export function refused ({ id, name }: ToolCall, reason: string): ToolResult {
  return { callId: id, name, content: reason, isError: true, durationMs: 0 }
}

async function withinTime (tool: RegisteredTool, call: ToolCall, { requestId, signal }: RunContext): Promise<unknown> {
  signal.throwIfAborted()
  const own = new AbortController()
  const onAbort = (): void => { own.abort(signal.reason) }
  signal.addEventListener('abort', onAbort)
  const timer = setTimeout(() => {
    own.abort(new DOMException(`It did not answer within ${tool.timeoutMs} ms.`, 'TimeoutError'))
  }, tool.timeoutMs)
  const isOver = new Promise<never>((_resolve, reject) => { own.signal.addEventListener('abort', () => { reject(own.signal.reason as Error) }) })
  const run = async (): Promise<unknown> => await tool.call(call.arguments, { signal: own.signal, requestId, callId: call.id })
  try {
    return await Promise.race([run(), isOver])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}

function textOf (value: unknown): string {
  if (typeof value === 'string') return value
  // Functions and symbols have no JSON, and neither has nothing.
  const json: string | undefined = JSON.stringify(value)
  return json ?? ''
}

function messageOf (error: unknown): string {
  try {
    return error instanceof Error ? error.message : String(error)
  } catch {
    return 'it threw something that has no text'
  }
}

function cut (text: string, maxChars: number): string {
  if (text.length <= maxChars) return text
  // Not within a character.
  const end = /[\uD800-\uDBFF]/.test(text[maxChars - 1]!) ? maxChars - 1 : maxChars
  return `${text.slice(0, end)}\n[cut: ${end} of ${text.length} characters]`
}
