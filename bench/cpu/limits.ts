// What the machine allows: the roofline of prefill and of decode. No clock, no files.
import type { ModelCosts } from './models.js'

/** What bench/cpu/ceilings.cpp prints. */
export interface Ceilings {
  readonly threads: number
  readonly l2Bytes: number
  readonly l3Bytes: number
  readonly arithmetic: ReadonlyArray<{ readonly name: string, readonly threads: number, readonly gopsPerSec: number }>
  readonly reading: ReadonlyArray<{
    readonly threads: number
    readonly pages: '4K' | '2M'
    readonly streams: number
    readonly prefetchBytes: number
    readonly gbPerSec: number
  }>
}

/** As the engine's option: each level has the ones before it too. For scalar code no ceiling is measured. */
export const kernelLevels = ['scalar', 'avx2', 'avx512', 'avx512-vnni', 'avx512-bf16', 'amx'] as const
export type Kernels = 'auto' | (typeof kernelLevels)[number]

const probeLevels: Readonly<Record<string, Kernels>> = {
  avx2_fma: 'avx2', avx2_maddubs: 'avx2', avx512_fma: 'avx512', avx_vnni: 'avx512-vnni', avx512_vnni: 'avx512-vnni',
  avx512_bf16: 'avx512-bf16', amx_bf16_l2: 'amx', amx_int8_l2: 'amx'
}
const floatProbes = ['amx_bf16_l2', 'avx512_bf16', 'avx512_fma', 'avx2_fma']
const integerProbes = ['amx_int8_l2', 'avx512_vnni', 'avx_vnni', 'avx2_maddubs']

/**
 * Operations per second that products of these weights can reach with all threads. Tiles are counted with operands in the
 * L2 cache, since no matrix fits in registers. Integers can be widened to floats, so 8 and 4 bits have both.
 */
export function computeCeiling (ceilings: Ceilings, arithmetic: 'float' | 'int8', kernels: Kernels): number {
  const probes = arithmetic === 'float' ? floatProbes : [...floatProbes, ...integerProbes]
  const level = (of: Kernels) => of === 'auto' ? kernelLevels.length : kernelLevels.indexOf(of)
  const usable = (name: string) => probes.includes(name) && level(probeLevels[name]!) <= level(kernels)
  return 1e9 * best(ceilings.arithmetic.filter(({ name }) => usable(name)).map(({ gopsPerSec }) => gopsPerSec))
}

/** Bytes per second from memory, with the best of threads, pages and streams. */
export function readCeiling (ceilings: Ceilings): number {
  return 1e9 * best(ceilings.reading.map(({ gbPerSec }) => gbPerSec))
}

function best (values: readonly number[]): number {
  return values.length === 0 ? NaN : Math.max(...values)
}

/** Operations for one token of a prompt of `tokens`: the layers' matrices, and attention to half of the prompt on average. */
export function prefillFlopsPerToken (costs: ModelCosts, tokens: number): number {
  return 2 * costs.layerParams + costs.attentionFlops * tokens / 2
}

/** Bytes that one step of `batch` sequences reads: the weights once, and each sequence's KV. */
export function decodeBytesPerStep (weightBytes: number, costs: ModelCosts, batch: number, contextTokens: number, kvValueBytes = 2): number {
  return weightBytes + batch * contextTokens * costs.kvValues * kvValueBytes
}

export interface Machine {
  /** Bytes per second. */
  readonly read: number
  /** Operations per second. */
  readonly compute: number
}

/** Tokens per second of a prompt, when nothing but its multiplications takes time. */
export function prefillLimit (machine: Machine, costs: ModelCosts, tokens: number): number {
  return machine.compute / prefillFlopsPerToken(costs, tokens)
}

/** Tokens per second of all sequences, when reading and multiplying follow each other and nothing else takes time. */
export function decodeLimit (machine: Machine, costs: ModelCosts, weightBytes: number, batch: number, contextTokens: number): number {
  const readSec = decodeBytesPerStep(weightBytes, costs, batch, contextTokens) / machine.read
  const computeSec = 2 * costs.params * batch / machine.compute
  return batch / (readSec + computeSec)
}

/**
 * The part of the cores that `threads` threads can have beside a neighbour that would like `neighbourCores` cores:
 * with fewer runnable threads than cores nothing is lost; beyond that every runnable thread gets an equal part, and a
 * neighbour that wants less than that gets what it wants.
 */
export function fairShare (cores: number, threads: number, neighbourCores: number): number {
  const equal = cores / (threads + 1)
  return Math.min(threads, cores - Math.min(neighbourCores, equal)) / Math.min(threads, cores)
}
