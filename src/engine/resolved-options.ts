import { DeviceUnavailableError, InvalidOptionError } from '../core/errors.js'
import type { ModelSpec } from '../model/model-spec.js'
import { checkDeviceMap, type DeviceStage } from './device-map.js'
import { readingTokensPerSec } from '../scheduler/pacing.js'
import type { PolicyName } from '../scheduler/policies/index.js'
import type { Machine } from './machine.js'
import { estimateWorkspaceBytes, planMemory } from './memory-plan.js'
import { memoryPools } from './memory-pools.js'
import type { ParsedEngineOptions } from './options.js'
import type { Quantization } from './quantization.js'

/** Tokens of a KV block. */
export const blockTokens = 16

/** What depends on the model's files. */
export interface ModelFacts {
  readonly name: string
  readonly spec: ModelSpec
  /** What the weights take in memory. */
  weightsBytes (quantization: Quantization): number
  /** On cards that compute in `activations`. */
  cardWeightsBytes (quantization: Quantization, activations: KvDtype): number
  /** Number format of the weight matrices, as the file names it. */
  readonly weightsDtype: string
  /** The first usable card, else cpu:0. */
  readonly defaultDevice: string
  kvBytesPerToken (dtype: KvDtype): number
}

export type KvDtype = 'f32' | 'f16' | 'bf16'

/** Every option with a value: nothing is `auto` any more. Frozen. */
export interface ResolvedOptions {
  readonly maxModelLen: number
  readonly maxNumSeqs: number
  readonly maxBatchTokens: number
  readonly policy: PolicyName
  readonly pacing: 'none' | 'qoe'
  /** Sequences that hold KV at once; without pacing, `maxNumSeqs`. */
  readonly maxResidentSeqs: number
  readonly readingTokensPerSec: number
  readonly reserveRatio: number
  /** Missing = by what steps without prompts take. */
  readonly maxStepMs: number | undefined
  readonly maxQueuedRequests: number
  readonly maxQueuedTokens: number
  readonly refuseMissedSlo: boolean
  readonly speculativeDecoding: 'none' | 'prompt-lookup'
  readonly numSpeculativeTokens: number
  /** Rounded down to whole blocks. */
  readonly kvCacheMemory: number
  readonly kvBlocks: number
  /** Rounded down to whole blocks. */
  readonly kvSwapMemory: number
  readonly kvHostBlocks: number
  readonly blockTokens: number
  readonly servedModelName: string
  readonly threads: number
  readonly pinThreads: boolean
  readonly deviceMap: readonly DeviceStage[]
  readonly quantize: Quantization['quantize']
  readonly quantizeGroup: Quantization['quantizeGroup']
  /** What cards compute in. */
  readonly activationDtype: KvDtype
  readonly kvDtype: KvDtype
  readonly prefixCaching: boolean
  readonly deterministic: boolean
  /** 'auto', 'off', or the path of the library or its folder. */
  readonly nccl: string
  readonly preallocateKv: boolean
  readonly kernels: 'auto' | 'scalar' | 'avx2' | 'avx512' | 'avx512-vnni' | 'avx512-bf16' | 'amx'
  /** Undefined = nothing is kept. */
  readonly profilerState: string | undefined
  readonly maxLogprobs: number
  readonly seed: number | undefined
}

/** With pacing, sequences that hold KV for each that a step computes: a GPU writes some eight times as fast as people read. */
const residentFactor = 8

/** As many sequences hold KV as may, by options that were checked. */
export function maxResidentSeqsOf ({ pacing, maxNumSeqs, maxResidentSeqs }: Pick<ParsedEngineOptions, 'pacing' | 'maxNumSeqs' | 'maxResidentSeqs'>): number {
  return pacing === 'none' ? maxNumSeqs : maxResidentSeqs ?? residentFactor * maxNumSeqs
}

/**
 * Resolves what is `auto` against the model and the machine, once.
 *
 * @throws OutOfMemoryError, InvalidOptionError
 */
export function resolveOptions (parsed: ParsedEngineOptions, model: ModelFacts, machine: Machine): ResolvedOptions {
  const device = parsed.device === 'auto' ? model.defaultDevice : parsed.device
  const deviceMap = parsed.deviceMap ?? [{ start: 0, end: model.spec.numLayers, devices: [device] }]
  checkDeviceMap(deviceMap, model.spec.numLayers)
  const card = checkCards(deviceMap, machine)
  const activationDtype = activationDtypeFor(parsed, model.weightsDtype, card)
  const kvDtype = kvDtypeOf(parsed, model.weightsDtype, card, activationDtype)
  const memory = planMemory({
    machine,
    pools: memoryPools(deviceMap, model.spec.numLayers, machine),
    weightsBytes: model.weightsBytes(parsed),
    cardWeightsBytes: model.cardWeightsBytes(parsed, activationDtype),
    workspaceBytes: estimateWorkspaceBytes(model.spec, parsed.maxBatchTokens, parsed.maxNumSeqs),
    kvBytesPerToken: model.kvBytesPerToken(kvDtype),
    blockTokens,
    maxPositions: model.spec.maxPositions,
    maxNumSeqs: maxResidentSeqsOf(parsed),
    maxModelLen: parsed.maxModelLen,
    kvCacheMemory: parsed.kvCacheMemory,
    kvSwapMemory: parsed.kvSwapMemory
  })
  return Object.freeze({
    maxModelLen: memory.maxModelLen,
    maxNumSeqs: parsed.maxNumSeqs,
    maxBatchTokens: parsed.maxBatchTokens,
    policy: parsed.policy,
    pacing: parsed.pacing,
    maxResidentSeqs: maxResidentSeqsOf(parsed),
    readingTokensPerSec: parsed.readingTokensPerSec ?? readingTokensPerSec,
    reserveRatio: parsed.reserveRatio,
    maxStepMs: parsed.maxStepMs,
    maxQueuedRequests: parsed.maxQueuedRequests,
    maxQueuedTokens: parsed.maxQueuedTokens,
    refuseMissedSlo: parsed.refuseMissedSlo,
    speculativeDecoding: speculativeDecodingOf(parsed),
    numSpeculativeTokens: parsed.numSpeculativeTokens,
    kvCacheMemory: memory.kvBytes,
    kvBlocks: memory.kvBlocks,
    kvSwapMemory: memory.kvHostBytes,
    kvHostBlocks: memory.kvHostBlocks,
    blockTokens,
    servedModelName: parsed.servedModelName ?? model.name,
    threads: parsed.threads ?? machine.threads,
    pinThreads: parsed.pinThreads,
    deviceMap,
    quantize: parsed.quantize,
    quantizeGroup: parsed.quantizeGroup,
    activationDtype,
    kvDtype,
    prefixCaching: parsed.prefixCaching,
    deterministic: parsed.deterministic,
    nccl: parsed.nccl,
    preallocateKv: parsed.preallocateKv,
    kernels: parsed.kernels,
    profilerState: parsed.profilerState === 'none' ? undefined : parsed.profilerState,
    maxLogprobs: parsed.maxLogprobs,
    seed: parsed.seed
  })
}

function speculativeDecodingOf ({ speculativeDecoding, pacing }: ParsedEngineOptions): ResolvedOptions['speculativeDecoding'] {
  if (speculativeDecoding !== 'none' && pacing !== 'none') {
    throw new InvalidOptionError('speculativeDecoding',
      'speculativeDecoding guesses tokens ahead, and pacing qoe writes them no faster than they are read. Leave out --speculative-decoding or --pacing.')
  }
  return speculativeDecoding
}

/** The first card of the map. */
function checkCards (deviceMap: readonly DeviceStage[], { cards = [] }: Machine): string | undefined {
  const names = deviceMap.flatMap(({ devices }) => devices).filter(name => /^cuda:\d+$/.test(name))
  for (const name of names) {
    const card = cards.find(card => card.name === name) ?? cards.find(card => card.name === 'cuda')
    if (card === undefined) throw new DeviceUnavailableError(name, `there ${cards.length === 1 ? 'is' : 'are'} only ${cards.map(card => card.name).join(', ') || 'no cards'}`)
    if (card.reason !== '') throw new DeviceUnavailableError(name, card.reason)
  }
  return names[0]
}

function activationDtypeFor (parsed: ParsedEngineOptions, weightsDtype: string, card: string | undefined): KvDtype {
  if (card !== undefined) return parsed.activationDtype === 'auto' ? kvDtypeFor(weightsDtype) : parsed.activationDtype
  if (parsed.activationDtype === 'auto' || parsed.activationDtype === 'f32') return 'f32'
  throw new InvalidOptionError('activationDtype',
    `activationDtype is ${parsed.activationDtype}, but a CPU computes in f32. Leave out --activation-dtype, or choose a cuda device with --device.`)
}

function kvDtypeOf (parsed: ParsedEngineOptions, weightsDtype: string, card: string | undefined, activationDtype: KvDtype): KvDtype {
  if (parsed.kvDtype === 'auto') return card === undefined ? kvDtypeFor(weightsDtype) : activationDtype
  if (card !== undefined && activationDtype !== 'f32' && parsed.kvDtype !== activationDtype) {
    throw new InvalidOptionError('kvDtype', `kvDtype is ${parsed.kvDtype}, but ${card} computes in ${activationDtype}, and its KV cache must be the same. ` +
      'Leave out --kv-dtype, or add --activation-dtype f32.')
  }
  return parsed.kvDtype
}

/** Weights in F32 keep their precision; BF16 has the range that quantised weights may need. */
function kvDtypeFor (weightsDtype: string): KvDtype {
  if (weightsDtype === 'F32') return 'f32'
  return weightsDtype === 'F16' ? 'f16' : 'bf16'
}
