import { RowStatus } from '../core/step.js'
import type { StepOutput } from '../native/binding.js'
import type { LengthPrediction } from '../profiler/length-predictor.js'
import { OnlineLengthPredictor } from '../profiler/online-length-predictor.js'
import { PredictorMetrics, type PredictorQuality } from '../profiler/predictor-metrics.js'
import { SessionLengths } from '../profiler/session-lengths.js'
import { StateReader, StateWriter } from '../profiler/state-bytes.js'
import { StepCostModel, type StepCostQuality } from '../profiler/step-cost-model.js'
import { promptContext, type StepCosts } from '../profiler/step-costs.js'
import type { LengthRequest } from '../profiler/text-features.js'
import { ToolDurations } from '../profiler/tool-durations.js'
import type { ChatMessage } from './api.js'
import type { EngineRequest } from './engine-request.js'
import type { EnginePlan } from './step-loop.js'

/** What the engine has learnt, and how good it is; undefined before there is anything to say. */
export interface ProfilerStats {
  /** Of predicted output lengths, over all answers of this process and over the last 1000. */
  readonly lengths: PredictorQuality | undefined
  readonly recentLengths: PredictorQuality | undefined
  /** Answers that were cut by their limit or their caller, and so say nothing of their prediction. */
  readonly censoredAnswers: number
  readonly stepCosts: StepCosts
  readonly stepCostQuality: StepCostQuality | undefined
}

/** What a request's answer is to. */
export interface RequestText {
  readonly text: string
  readonly systemPrompt: string
}

const stateKind = 'profiler'
const stateLayout = `${stateKind} 1`

/** The engine's profiler: fed with what the engine sees, asked for what it expects. */
export class Profiling {
  readonly tools: ToolDurations
  readonly #predictor: OnlineLengthPredictor
  readonly #costs: StepCostModel
  readonly #metrics = new PredictorMetrics()
  /** Not saved: a conversation seldom outlives a restart. */
  readonly #sessions = new SessionLengths()
  /** Answers and steps that `toState` has not seen. */
  #unsaved = 0
  /** Of one step, written anew for each. */
  readonly #work = { prefillTokens: 0, decodes: 0, contextTokens: 0, prefillContextTokens: 0 }

  constructor (predictor = new OnlineLengthPredictor(), costs = new StepCostModel(), tools = new ToolDurations()) {
    this.#predictor = predictor
    this.#costs = costs
    this.tools = tools
  }

  /** @throws ProfilerStateError when the bytes are not what `toState` gave */
  static fromState (bytes: Uint8Array): Profiling {
    const reader = new StateReader(stateKind, stateLayout, bytes)
    const parts = [reader.bytes(), reader.bytes(), reader.bytes()] as const
    reader.end()
    return new Profiling(OnlineLengthPredictor.fromState(parts[0]), StepCostModel.fromState(parts[1]), ToolDurations.fromState(parts[2]))
  }

  toState (): Uint8Array {
    this.#unsaved = 0
    const writer = new StateWriter()
    for (const part of [this.#predictor, this.#costs, this.tools]) writer.bytes(part.toState())
    return writer.finish(stateLayout)
  }

  /** Whether anything was learnt since `toState`. */
  get hasNews (): boolean {
    return this.#unsaved > 0
  }

  /** One object, rewritten by each step. */
  get stepCosts (): StepCosts {
    return this.#costs.costs
  }

  /** Of the last answer in a session that is known. */
  previousTokens (session: string | undefined): number | undefined {
    return session === undefined ? undefined : this.#sessions.lastOf(session)
  }

  predict (request: LengthRequest): LengthPrediction {
    return this.#predictor.predict(request)
  }

  /** Learns from a request's answers, once it has ended. */
  requestEnded ({ sequences: [first], allSequences }: Pick<EngineRequest, 'sequences' | 'allSequences'>): void {
    if (first?.sessionId !== undefined && (first.finishReason === 'stop' || first.finishReason === 'length')) {
      this.#sessions.answered(first.sessionId, first.generatedTokens)
    }
    for (const { finishReason, generatedTokens, prediction } of allSequences) {
      // What failed says nothing of its length.
      if (finishReason === undefined || finishReason === 'error') continue
      const outcome = { tokens: generatedTokens, isCensored: finishReason !== 'stop' }
      this.#metrics.record(prediction, outcome)
      this.#predictor.learn(prediction, outcome)
      this.#unsaved++
    }
  }

  /** Learns from how long a step took. */
  stepEnded (plan: EnginePlan, { statuses, timing }: Pick<StepOutput, 'statuses' | 'timing'>): void {
    const durationMs = timing[1]! - timing[0]!
    if (!(durationMs > 0)) return
    const work = this.#work
    work.prefillTokens = work.decodes = work.contextTokens = work.prefillContextTokens = 0
    for (let row = 0; row < plan.numRows; row++) {
      if (statuses[row] === RowStatus.skipped) continue
      const position = plan.positions[row]!
      const count = plan.queryStarts[row + 1]! - plan.queryStarts[row]!
      const decodes = position < plan.sequences[row]!.promptTokens ? 0 : 1
      work.decodes += decodes
      work.contextTokens += decodes * (position + 1)
      // A draft is computed as a prompt is.
      work.prefillTokens += count - decodes
      work.prefillContextTokens += promptContext(position + decodes, count - decodes)
    }
    this.#costs.observe(work, durationMs)
    this.#unsaved++
  }

  stats (): ProfilerStats {
    return {
      lengths: this.#metrics.overall(),
      recentLengths: this.#metrics.recent(),
      censoredAnswers: this.#metrics.censored,
      stepCosts: { ...this.#costs.costs },
      stepCostQuality: this.#costs.quality()
    }
  }
}

/** The last message of the user, or else the last of all; and what the system says first. */
export function chatText (messages: readonly ChatMessage[]): RequestText {
  const asked = messages.findLast(({ role }) => role === 'user') ?? messages.at(-1)
  const system = messages.find(({ role }) => role === 'system' || role === 'developer')
  return { text: asked?.content ?? '', systemPrompt: system?.content ?? '' }
}
