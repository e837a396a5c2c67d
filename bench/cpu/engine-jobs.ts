// What a process of its own measures of an engine, so that one model's memory and threads are not another's.
import type { DecodeRun, PrefixRun } from '../lib/engine-runs.js'
import type { Neighbour } from './neighbour.js'
import type { StagesRun } from './stage-run.js'
import type { StepRun } from './step-run.js'

export type EngineJob =
  | { readonly kind: 'prefill', readonly tokens: number }
  | { readonly kind: 'decode', readonly batch: number, readonly promptTokens: number, readonly outputTokens: number, readonly neighbour?: Neighbour }
  | { readonly kind: 'prefix', readonly tokens: number }
  | { readonly kind: 'memory' }
  | { readonly kind: 'stages', readonly of: StagedWork }
  | { readonly kind: 'step', readonly batch: number, readonly promptTokens: number, readonly outputTokens: number }

/** A prompt of one step, or decode steps of a batch. */
export type StagedWork =
  | { readonly kind: 'prefill', readonly tokens: number }
  | { readonly kind: 'decode', readonly batch: number, readonly promptTokens: number, readonly outputTokens: number }

export interface EngineTask {
  readonly model: string
  /** For `Engine.load`. */
  readonly options: Readonly<Record<string, unknown>>
  readonly jobs: readonly EngineJob[]
}

export interface MemoryRun {
  readonly baseRssBytes: number
  readonly rssBytes: number
  readonly anonymousBytes: number
  /** KV blocks that hold something: the others' pages may never have been touched. */
  readonly usedKvBytes: number
  /** Share of one core that the process takes while it has nothing to do. */
  readonly idleCpuShare: number
}

export type JobResult =
  | { readonly kind: 'prefill', readonly tokensPerSec: number }
  | { readonly kind: 'decode', readonly run: DecodeRun }
  | { readonly kind: 'prefix', readonly run: PrefixRun }
  | { readonly kind: 'memory', readonly run: MemoryRun }
  | { readonly kind: 'stages', readonly run: StagesRun }
  | { readonly kind: 'step', readonly run: StepRun }
  | { readonly kind: 'failed', readonly message: string }

export type EngineReport =
  | { readonly ok: false, readonly code: string, readonly message: string }
  | {
    readonly ok: true
    readonly loadMs: number
    readonly kvDtype: string
    readonly memory: { readonly weightsBytes: number, readonly kvBytes: number, readonly workspaceBytes: number }
    readonly results: readonly JobResult[]
    /** The engine's counters at the end. */
    readonly steps: unknown
  }
