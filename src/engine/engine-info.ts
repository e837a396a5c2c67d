import type { GrammarCounts } from '../grammar/grammars.js'
import type { KvStats } from '../native/binding.js'
import type { SchedulerStats } from '../scheduler/scheduler-options.js'
import type { EngineParts } from './engine-model.js'
import type { ExternalLengthCounts } from './external-lengths.js'
import type { Measurements } from './measurements.js'
import type { ProfilerStats } from './profiling.js'
import type { ResolvedOptions } from './resolved-options.js'
import type { MaskCounts } from './sequence-constraint.js'
import type { StepCounters } from './step-loop.js'

export interface EngineInfo {
  readonly modelName: string
  /** Folder or file. */
  readonly path: string
  readonly spec: EngineParts['spec']
  readonly options: ResolvedOptions
  readonly memory: EngineParts['model']['memory']
  /** How cards that split layers sum, for people; empty when none do. */
  readonly exchange: string
  /** Identifies the weights. */
  readonly fingerprint: string
  /** Whether `chat` works; a model without a template can only continue texts. */
  readonly hasChatTemplate: boolean
  /** Form of the model's calls of tools: hermes, llama3, mistral; undefined = not known from the template. */
  readonly toolFormat: string | undefined
}

export interface EngineStats {
  /** Requests that have not ended. */
  readonly requests: number
  readonly waitingSequences: number
  readonly runningSequences: number
  readonly preemptions: number
  /** Of the preemptions, those whose KV was copied to the host tier instead of being given up. */
  readonly swaps: number
  /** Answers that wait for registered tools. */
  readonly toolWaits: number
  /** Answers that called a tool, and whose KV waits for the next turn. */
  readonly parkedSequences: number
  readonly promptTokens: number
  readonly generatedTokens: number
  readonly kv: KvStats
  readonly steps: Readonly<StepCounters>
  readonly profiler: ProfilerStats
}

/** What a metrics page is made of. */
/** What constraints have cost, since the engine was loaded. */
export interface ConstraintCounts extends GrammarCounts, MaskCounts {}

export interface EngineMetrics {
  readonly stats: EngineStats
  readonly scheduler: SchedulerStats
  /** Tools whose durations are known. */
  readonly tools: number
  readonly measured: Measurements
  readonly constraints: ConstraintCounts
  /** Undefined without a predictor of the caller's. */
  readonly externalLengths: ExternalLengthCounts | undefined
  readonly options: ResolvedOptions
}

export interface CloseOptions {
  /** Let running requests finish instead of aborting them. Default false. */
  readonly drain?: boolean
}
