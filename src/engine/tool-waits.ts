import type { ToolDurations } from '../profiler/tool-durations.js'
import type { ExpectedWait } from '../scheduler/parked-kv.js'
import type { EngineSequence } from './engine-sequence.js'

/** What of the scheduler it needs. */
export interface ParkedSequences {
  expectReturn (id: number, expectedWait: ExpectedWait, nowMs: number, tool: string): boolean
  release (id: number): boolean
}

/**
 * Tools run in the client, and their results come back as a new request. Until then the answer's KV is
 * parked for as long as that tool takes as a rule, which is learnt from the returns.
 */
export class ToolWaits {
  readonly #durations: ToolDurations

  constructor (durations: ToolDurations) {
    this.#durations = durations
  }

  /** Until the answer is read and it is known whether a tool is called, and which: nothing is given up before that. */
  readonly expectedWait: ExpectedWait = () => 0

  /** A sequence that could call these tools has ended with this text. */
  ended (sequence: EngineSequence, text: string, tools: readonly string[], parked: ParkedSequences, nowMs: number): void {
    const tool = calledTool(text, tools)
    if (tool === undefined) parked.release(sequence.id)
    else parked.expectReturn(sequence.id, elapsedMs => this.#durations.remainingMs(tool, elapsedMs), nowMs, tool)
  }

  returned (tool: string | undefined, waitedMs: number): void {
    if (tool !== undefined) this.#durations.observe(tool, waitedMs)
  }
}

/** Names of functions in OpenAI's form of tool definitions; others have none. */
export function toolNames (tools: readonly unknown[]): string[] {
  return tools.flatMap(tool => {
    const name: unknown = (tool as { function?: { name?: unknown } } | null)?.function?.name
    return typeof name === 'string' ? [name] : []
  })
}

/**
 * The first of these tools that the text calls. Every common form of calls (Hermes and Qwen, Llama 3, Mistral)
 * has the name as the member `name` of a JSON object.
 */
export function calledTool (text: string, tools: readonly string[]): string | undefined {
  for (const [, name] of text.matchAll(/"name"\s*:\s*"([^"\\]{1,256})"/g)) {
    if (tools.includes(name!)) return name
  }
  return undefined
}
