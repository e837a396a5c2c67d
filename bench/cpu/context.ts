import type { Cell } from '../lib/table.js'
import { busyCores } from '../lib/machine.js'
import { checkpoint } from './checkpoints.js'
import type { EngineJob, EngineReport } from './engine-jobs.js'
import type { BenchFormat } from './formats.js'
import type { LlamaCpp } from './llama-cpp.js'
import { computeCeiling, readCeiling, type Ceilings, type Kernels, type Machine } from './limits.js'
import { runEngine } from './millrace.js'
import { costsOf } from './models.js'
import type { NodeLlamaCpp } from './node-llama-cpp.js'

/** What every part of a run is given. */
export interface Context {
  readonly models: readonly string[]
  readonly formats: readonly BenchFormat[]
  readonly batches: readonly number[]
  readonly repeat: number
  readonly kernels: Kernels
  /** Compute threads of every engine. */
  readonly threads: number
  readonly ceilings: Ceilings | undefined
  readonly llama: LlamaCpp | undefined
  readonly nodeLlama: NodeLlamaCpp | undefined
}

/** One table of the result, and the same in figures. */
export interface Section {
  readonly title: string
  readonly note: string
  readonly head: readonly string[]
  readonly textColumns: number
  readonly rows: ReadonlyArray<readonly Cell[]>
  readonly figures: readonly object[]
}

export const promptTokens = 128
export const outputTokens = 64
/** As llama.cpp's micro-batch: both compute prompts in pieces of this many tokens. */
export const maxBatchTokens = 512

/** The machine's limits for products with weights of this format; NaN where they were not measured. */
export function machineFor ({ ceilings, kernels }: Context, { arithmetic }: BenchFormat): Machine {
  if (ceilings === undefined) return { read: NaN, compute: NaN }
  return { read: readCeiling(ceilings), compute: computeCeiling(ceilings, arithmetic, kernels) }
}

/** Does jobs in a fresh process. A crash is a report too, so that the other rows are still measured. */
export async function millraceJobs (
  context: Context, model: string, format: BenchFormat, jobs: readonly EngineJob[], options: Readonly<Record<string, unknown>>
): Promise<EngineReport> {
  const path = await checkpoint(model, format.checkpoint)
  const { kernels, threads } = context
  try {
    return await runEngine({ model: path, jobs, options: { ...format.engine, kernels, threads, ...options } })
  } catch (error) {
    return { ok: false, code: 'crashed', message: String(error) }
  }
}

/** Options for sequences that take so many tokens of KV together. The memory is there from the start, as in the peers. */
export function kvFor (model: string, tokens: number): { kvCacheMemory: number, preallocateKv: boolean } {
  return { kvCacheMemory: Math.ceil(tokens * costsOf(model).kvValues * 2 * 1.1), preallocateKv: true }
}

export async function peerCheckpoint (model: string, { peerDtype }: BenchFormat): Promise<string> {
  return await checkpoint(model, { format: 'gguf', dtype: peerDtype })
}

/** Progress, with what else the machine does: a run that was disturbed can be told. */
export const disturbances: number[] = []

export async function announce (line: string): Promise<void> {
  const cores = await busyCores(500)
  disturbances.push(cores)
  const beside = cores > 0.15 ? ` (others use ${cores.toFixed(1)} cores)` : ''
  console.error(`${new Date().toISOString().slice(11, 19)} ${line}${beside}`)
}

/** Interleaved: the order turns round every time, so that no engine always runs on a machine that the other has warmed. */
export async function inTurn (round: number, runs: ReadonlyArray<() => Promise<void>>): Promise<void> {
  for (const run of round % 2 === 0 ? runs : [...runs].reverse()) await run()
}

/** A peer that fails leaves its cells empty; what Millrace does is still measured. */
export async function peerRun (run: () => Promise<void>): Promise<void> {
  await run().catch((error: unknown) => { console.error(`  a peer failed: ${String(error).slice(0, 1000)}`) })
}

/** What a table says in place of a rate. */
export function failure (report: EngineReport): string {
  return report.ok ? '' : `not supported (${report.code})`
}
