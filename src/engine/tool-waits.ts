import type { ToolDurations } from '../profiler/tool-durations.js'
import type { ExpectedWait } from '../scheduler/parked-kv.js'
import type { EngineSequence } from './engine-sequence.js'

/** What of the scheduler it needs. */
export interface ParkedSequences {
  expectReturn (id: number, expectedWait: ExpectedWait, nowMs: number, tool?: string): boolean
  release (id: number): boolean
}

/** A tool that runs for at most so long. */
interface BoundedTool {
  readonly name: string
  readonly timeoutMs: number
}

/**
 * An answer that calls tools leaves its KV, and what goes on with their results takes it: a new request
 * when they run in the client, a new round of the same when they run here. Until then the KV is parked
 * for as long as those tools take as a rule, which is learnt.
 */
export class ToolWaits {
  readonly #durations: ToolDurations

  constructor (durations: ToolDurations) {
    this.#durations = durations
  }

  /** Until the answer is read and it is known whether a tool is called, and which: nothing is given up before that. */
  readonly expectedWait: ExpectedWait = () => 0

  /** A request has ended with this answer: it waits for a tool that the caller runs, or nobody will come back. */
  ended (sequence: EngineSequence, parked: ParkedSequences, nowMs: number): void {
    const tool = callersTool(sequence)
    if (tool === undefined) parked.release(sequence.id)
    else parked.expectReturn(sequence.id, elapsedMs => this.#durations.remainingMs(tool, elapsedMs), nowMs, tool)
  }

  /** How much longer the last of these tools takes, which have run for `elapsedMs`. */
  longestMs (tools: readonly BoundedTool[], elapsedMs: number): number {
    return Math.max(0, ...tools.map(({ name, timeoutMs }) => Math.min(this.#durations.remainingMs(name, elapsedMs), Math.max(0, timeoutMs - elapsedMs))))
  }
}

/** Names of functions in OpenAI's form of tool definitions; others have none. */
export function toolNames (tools: readonly unknown[]): string[] {
  return tools.flatMap(tool => {
    const name: unknown = (tool as { function?: { name?: unknown } } | null)?.function?.name
    return typeof name === 'string' ? [name] : []
  })
}

function callersTool ({ request, output, chat }: EngineSequence): string | undefined {
  const { text, finishReason } = output.choice()
  if (chat === undefined) return calledTool(text, request.offered.names)
  return finishReason === 'tool_calls' ? chat.open[0]?.name : undefined
}

/**
 * The first of these tools that the text calls, where the form of its calls is not known: every common one
 * has the name as the member `name` of a JSON object.
 */
export function calledTool (text: string, tools: readonly string[]): string | undefined {
  for (const [, name] of text.matchAll(/"name"\s*:\s*"([^"\\]{1,256})"/g)) {
    if (tools.includes(name!)) return name
  }
  return undefined
}
