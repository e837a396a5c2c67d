import type { FinishReason, ToolCall, ToolResult } from './api.js'
import { mostCalls } from './call-ids.js'
import type { EngineRequest } from './engine-request.js'
import type { EngineSequence } from './engine-sequence.js'
import type { RegisteredTool } from './registered-tools.js'
import { refusalOf, refused, runTool } from './run-tool.js'
import type { ToolWaits } from './tool-waits.js'

/** What of the engine it needs. */
export interface RoundActions {
  readonly now: () => number
  /** The sequence's KV will be wanted again, after this time as far as is known. */
  expectReturn (sequence: EngineSequence, expectedWait: (elapsedMs: number) => number): void
  /** A registered tool has ended, in whatever way. */
  returned (tool: string, durationMs: number): void
  /** Queues the choice's next round. */
  goOn (sequence: EngineSequence, promptIds: Int32Array): void
  fail (request: EngineRequest, error: Error): void
}

/**
 * Runs the registered tools that an answer calls, and lets its choice go on with their results: the
 * request waits in place, while its KV is parked (docs/tools.md).
 */
export class ToolRounds {
  readonly #actions: RoundActions
  readonly #waits: ToolWaits
  /** Choices that wait for tools, or for the prompt that their results become. */
  readonly #running = new Map<EngineSequence, AbortController>()

  constructor (actions: RoundActions, waits: ToolWaits) {
    this.#actions = actions
    this.#waits = waits
  }

  get size (): number {
    return this.#running.size
  }

  /** A sequence has ended, and its answer has calls. */
  answered (sequence: EngineSequence): void {
    const { request, output, chat } = sequence
    const toolCalls = chat!.addCalls(output.round, output.calls)
    request.generation.push({ index: output.index, text: '', tokenIds: [], toolCalls })
    const ours = mayRun(sequence) ? toolCalls.filter(({ name }) => !isCallers(request, name)) : []
    if (ours.length === 0) {
      this.#finish(sequence)
      return
    }
    chat!.rounds++
    const wait = new AbortController()
    this.#running.set(sequence, wait)
    this.#run(sequence, ours, wait).catch((error: unknown) => { this.#actions.fail(request, error as Error) })
  }

  /** Ends the choices of a request that wait, because the caller has left. */
  abort (request: EngineRequest): void {
    for (const sequence of request.sequences) {
      if (this.#running.has(sequence)) this.#finish(sequence, 'abort')
    }
  }

  /** The request has ended: whatever runs for it need not. */
  forget (request: EngineRequest): void {
    for (const sequence of request.sequences) this.#stop(sequence)
  }

  async #run (sequence: EngineSequence, calls: readonly ToolCall[], wait: AbortController): Promise<void> {
    const { request, chat } = sequence
    const isOver = (): boolean => wait.signal.aborted
    const results = await this.#results(sequence, calls, wait.signal)
    if (isOver()) return
    chat!.addResults(results)
    if (chat!.open.length > 0) {
      this.#finish(sequence)
      return
    }
    try {
      const promptIds = await request.prompt!.encode(wait.signal, chat!.added)
      if (isOver()) return
      this.#actions.goOn(sequence, promptIds)
      this.#running.delete(sequence)
    } catch (error) {
      if (isOver()) return
      if ((error as { code?: string }).code !== 'ERR_PROMPT_TOO_LONG') throw error
      // The end of the context, as it may come with any token.
      this.#finish(sequence, 'length')
    }
  }

  /** Runs them side by side. */
  async #results (sequence: EngineSequence, calls: readonly ToolCall[], signal: AbortSignal): Promise<ToolResult[]> {
    const { request: { generation, offered }, output: { index } } = sequence
    const { now } = this.#actions
    const context = { requestId: generation.requestId, signal, now }
    const running = new Map<ToolCall, RegisteredTool>()
    const results = calls.map(async (call, i) => {
      const refusal = i < mostCalls ? refusalOf(call, offered) : `At most ${mostCalls} calls of one answer are run.`
      if (refusal !== undefined) return refused(call, refusal)
      const tool = offered.registered.get(call.name)!
      running.set(call, tool)
      const result = await runTool(tool, call, context)
      running.delete(call)
      if (!signal.aborted) this.#actions.returned(call.name, result.durationMs)
      return result
    })
    this.#actions.expectReturn(sequence, elapsedMs => this.#waits.longestMs([...running.values()], elapsedMs))
    return await Promise.all(results.map(async result => {
      const toolResult = await result
      if (!signal.aborted) generation.push({ index, text: '', tokenIds: [], toolResults: [toolResult] })
      return toolResult
    }))
  }

  #finish (sequence: EngineSequence, reason: FinishReason = sequence.finishReason === 'stop' ? 'tool_calls' : sequence.finishReason!): void {
    const endMs = this.#running.has(sequence) ? this.#actions.now() : undefined
    this.#stop(sequence)
    sequence.request.finishChoice(sequence, reason, endMs)
  }

  #stop (sequence: EngineSequence): void {
    this.#running.get(sequence)?.abort()
    this.#running.delete(sequence)
  }
}

/** Whether there may be another round. An answer that was cut, or whose request has no tokens left, is the last. */
function mayRun ({ request, finishReason, chat, output }: EngineSequence): boolean {
  const { maxTokens = Infinity } = request.params!
  return finishReason === 'stop' && request.offered.registered.size > 0 && chat!.rounds < request.maxToolRounds &&
    request.tokensOf(output.index) < maxTokens
}

/** A tool that is offered, and not run by the engine. */
function isCallers ({ offered: { names, registered } }: EngineRequest, name: string): boolean {
  return names.includes(name) && !registered.has(name)
}
