import type { SamplingParams } from '../core/sampling-params.js'
import type { Constraint } from '../grammar/constraint.js'
import type { Grammar } from '../grammar/grammars.js'
import type { ToolFormat } from '../model/chat/tool-calls/tool-format.js'
import type { LengthPrediction } from '../profiler/length-predictor.js'
import type { Phase } from '../scheduler/phase-clock.js'
import type { Choice, FinishReason, Forecast, GenerationResult, RequestOptions, Timeline, TokenLogprob, Usage } from './api.js'
import type { CallRules } from './call-filter.js'
import type { ChatPrompt } from './chat-prompt.js'
import type { EngineSequence } from './engine-sequence.js'
import { noTools, type OfferedTools } from './registered-tools.js'
import { isSloMet } from './slo.js'
import { RunningGeneration } from './running-generation.js'

export interface RequestHooks {
  /** The caller wants it to end. */
  onAbort (request: EngineRequest): void
  /** A sequence of it has ended, and its answer calls tools. */
  onCalls (sequence: EngineSequence): void
  /** It has ended, in whatever way; `result` is missing when it failed or was never queued. */
  onEnd (request: EngineRequest, result: GenerationResult | undefined): void
}

/** One call of `chat` or `complete`, from its arrival to its result. */
export class EngineRequest {
  readonly arrivalMs: number
  readonly options: RequestOptions
  readonly generation: RunningGeneration
  readonly #hooks: RequestHooks
  readonly #signal: AbortSignal | undefined
  readonly #onSignal = (): void => { this.generation.abort() }
  #isEnded = false
  #ending: AbortController | undefined
  #deliveredChoices = 0
  /** One for each choice, the last of its rounds; set when the request is queued. */
  sequences: readonly EngineSequence[] = []
  /** Those that have ended with calls of registered tools. */
  readonly #earlier: EngineSequence[] = []
  /** Of the first round. */
  promptIds: Int32Array = new Int32Array(0)
  params: SamplingParams | undefined
  promptLogprobs: Array<TokenLogprob | null> | undefined
  /** Of an embedding: the hidden state of the prompt's last token is asked for, and then there. */
  wantsHidden = false
  hidden: Float32Array | undefined
  firstTokenMs: number | undefined
  /** Of each of its answers. */
  prediction: LengthPrediction | undefined
  forecast: Forecast | undefined
  /** What its session is known by. */
  session: string | undefined
  offered: OfferedTools = noTools
  /** That the answers of its first round must fit. */
  grammar: Grammar | undefined
  /** What that is made of. */
  constraint: Constraint | undefined
  /** In which the model calls them; undefined = its answers are taken as text. */
  format: ToolFormat | undefined
  /** Its model shows thoughts before its answers. */
  reasons = false
  callRules: CallRules = { takesMalformed: false }
  maxToolRounds = 0
  /** Undefined for a text that is continued. */
  prompt: ChatPrompt | undefined

  constructor (requestId: string, options: RequestOptions, arrivalMs: number, signal: AbortSignal | undefined, hooks: RequestHooks) {
    this.options = options
    this.arrivalMs = arrivalMs
    this.#hooks = hooks
    this.#signal = signal
    this.generation = new RunningGeneration(requestId, () => { if (!this.#isEnded) hooks.onAbort(this) })
    signal?.addEventListener('abort', this.#onSignal)
  }

  get isEnded (): boolean {
    return this.#isEnded
  }

  /** For what need not be done once it has ended. */
  get endSignal (): AbortSignal {
    this.#ending ??= new AbortController()
    if (this.#isEnded) this.#ending.abort()
    return this.#ending.signal
  }

  /** The answer goes on where the prompt's text ends. */
  get continues (): boolean {
    return this.prompt === undefined || this.prompt.continues
  }

  /** Its sequences of all rounds. */
  get allSequences (): readonly EngineSequence[] {
    return this.#earlier.length === 0 ? this.sequences : [...this.#earlier, ...this.sequences]
  }

  /** Tokens that a choice has sampled, over all rounds. */
  tokensOf (index: number): number {
    return this.#roundsOf(index).reduce((sum, sequence) => sum + sequence.generatedTokens, 0)
  }

  /** The next round of a choice takes the place of the one before. */
  goOn (previous: EngineSequence, next: EngineSequence): void {
    this.#earlier.push(previous)
    this.sequences = this.sequences.map(sequence => sequence === previous ? next : sequence)
  }

  /** Ends it before it was queued: there are no tokens. */
  endUnqueued (reason: FinishReason, nowMs: number, choices: number): void {
    for (let index = 0; index < choices; index++) this.generation.push({ index, text: '', tokenIds: [], finishReason: reason })
    const waitedMs = nowMs - this.arrivalMs
    this.#end()
    this.generation.finish({
      requestId: this.generation.requestId,
      choices: Array.from({ length: choices }, (_, index) => ({ index, text: '', tokenIds: [], finishReason: reason })),
      usage: { promptTokens: this.promptIds.length, completionTokens: 0, cachedTokens: 0 },
      timeline: { queueMs: waitedMs, prefillMs: 0, decodeMs: 0, preemptedMs: 0, toolMs: 0, e2eMs: waitedMs, ttftMs: undefined, preemptions: 0 },
      promptTokenIds: Array.from(this.promptIds)
    })
  }

  /** Sends what the sequence has to send. Its end is that of its choice, unless it calls tools. */
  deliver (sequence: EngineSequence): void {
    const { output, finishReason } = sequence
    if (finishReason !== undefined && output.calls.length === 0) {
      this.finishChoice(sequence, finishReason)
      return
    }
    const chunk = output.take()
    if (chunk !== undefined) this.generation.push(chunk)
    if (finishReason !== undefined) this.#hooks.onCalls(sequence)
  }

  /** Sends the end of a choice, and the result when it was the last one. `endMs`: when, if not with its last token. */
  finishChoice (sequence: EngineSequence, reason: FinishReason, endMs?: number): void {
    sequence.choiceEndMs = endMs
    this.generation.push(sequence.output.take(reason)!)
    if (sequence.output.calls.length === 0) sequence.chat?.addText(sequence.output.round)
    if (++this.#deliveredChoices === this.sequences.length) this.#finish()
  }

  fail (error: Error): void {
    if (this.#isEnded) return
    this.#end()
    this.generation.fail(error)
  }

  #finish (): void {
    if (this.#isEnded) return
    const result = this.#result()
    this.#end(result)
    this.generation.finish(result)
  }

  #end (result?: GenerationResult): void {
    this.#isEnded = true
    this.#signal?.removeEventListener('abort', this.#onSignal)
    this.#ending?.abort()
    this.#hooks.onEnd(this, result)
  }

  #result (): GenerationResult {
    const timeline = this.#timeline()
    const outputTokens = Math.max(...this.sequences.map(({ output }) => this.tokensOf(output.index)))
    const sloMet = isSloMet(this.options.slo ?? {}, { ...timeline, outputTokens })
    return {
      requestId: this.generation.requestId,
      choices: this.sequences.map(choiceOf),
      usage: this.#usage(),
      timeline,
      ...this.forecast === undefined ? {} : { forecast: this.forecast },
      ...sloMet === undefined ? {} : { sloMet },
      ...this.promptLogprobs === undefined ? {} : { promptLogprobs: this.promptLogprobs },
      promptTokenIds: Array.from(this.promptIds)
    }
  }

  /** The choices of the first round have one prompt; each later round has its own. */
  #usage (): Usage {
    const all = this.allSequences
    const isFirst = (sequence: EngineSequence): boolean => sequence.promptIds === this.promptIds
    const prompts = [all.find(sequence => isFirst(sequence) && sequence.output.index === 0)!, ...all.filter(sequence => !isFirst(sequence))]
    return {
      promptTokens: prompts.reduce((sum, { promptTokens }) => sum + promptTokens, 0),
      completionTokens: all.reduce((sum, { generatedTokens }) => sum + generatedTokens, 0),
      cachedTokens: prompts.reduce((sum, { cachedTokens = 0 }) => sum + cachedTokens, 0),
      ...this.reasons ? { reasoningTokens: this.sequences.reduce((sum, { output }) => sum + output.reasoningTokens, 0) } : {}
    }
  }

  /** That of the choice that ended last: its parts sum to the request's time. */
  #timeline (): Timeline {
    const last = this.sequences.reduce((latest, other) => endMsOf(other) > endMsOf(latest) ? other : latest)
    const rounds = this.#roundsOf(last.output.index)
    const sumOf = (phase: Phase): number => rounds.reduce((sum, { clock }) => sum + clock.spentMs[phase], 0)
    const [queueMs, prefillMs, decodeMs, preemptedMs] = [sumOf('queue'), sumOf('prefill'), sumOf('decode'), sumOf('preempted')]
    const e2eMs = endMsOf(last) - this.arrivalMs
    return {
      queueMs,
      prefillMs,
      decodeMs,
      preemptedMs,
      toolMs: rounds.length === 1 && last.choiceEndMs === undefined ? 0 : e2eMs - queueMs - prefillMs - decodeMs - preemptedMs,
      e2eMs,
      ttftMs: this.firstTokenMs === undefined ? undefined : this.firstTokenMs - this.arrivalMs,
      preemptions: this.allSequences.reduce((sum, sequence) => sum + sequence.preemptions, 0)
    }
  }

  #roundsOf (index: number): EngineSequence[] {
    return this.allSequences.filter(({ output }) => output.index === index)
  }
}

function choiceOf ({ output, chat }: EngineSequence): Choice {
  if (chat === undefined) return output.choice()
  return { ...output.choice(), ...chat.open.length === 0 ? {} : { toolCalls: chat.open }, messages: chat.added }
}

function endMsOf ({ choiceEndMs, clock }: EngineSequence): number {
  return choiceEndMs ?? clock.stoppedMs!
}
