import { existsSync } from 'node:fs'
import { InvalidOptionError } from '../core/errors.js'
import { loadAddon } from '../native/addon.js'
import type { Addon, DeviceInfo } from '../native/binding.js'
import type { DownloadProgress } from '../model/hub/download.js'
import { describeModel, kvBytesPerToken, type ModelDescription } from '../model/load-description.js'
import { locateModel } from '../model/locate.js'
import type { EngineParts } from './engine-model.js'
import { readMachine } from './machine.js'
import { ExternalLengths, type LengthPredictorOption } from './external-lengths.js'
import { ProfilerFile, profilerPath } from './profiler-file.js'
import { cardBytes, quantizedBytes } from './quantization.js'
import { parseEngineOptions, type PartialEngineOptions } from './options.js'
import { resolveOptions, type ModelFacts, type ResolvedOptions } from './resolved-options.js'

export interface LoadHooks {
  /** A model that is not on this machine yet. */
  readonly onDownload?: ((progress: DownloadProgress) => void) | undefined
  /** What was decided, before the weights are loaded. */
  readonly onResolved?: ((options: ResolvedOptions, description: ModelDescription) => void) | undefined
  /** Note how long each kind of operation takes, for `EngineParts.model.stageTimes`. */
  readonly stageTimes?: boolean | undefined
  /** Says how long answers will be, in place of the engine's own predictor. */
  readonly lengthPredictor?: LengthPredictorOption | undefined
  /** Something that the engine can do without went wrong: now, or while it runs. */
  readonly onWarning?: ((message: string) => void) | undefined
  /** Weights loaded so far, from 0 to 1. */
  readonly onProgress?: ((done: number) => void) | undefined
}

/**
 * Finds, describes, checks and loads a model; memory is divided before anything large is read.
 *
 * @throws MillraceError
 */
export async function loadParts (model: string, options: PartialEngineOptions, hooks: LoadHooks): Promise<EngineParts> {
  const parsed = parseEngineOptions(options)
  checkNcclPath(parsed.nccl)
  const warn = (message: string): void => { hooks.onWarning?.(message) }
  const externalLengths = hooks.lengthPredictor === undefined ? undefined
    : new ExternalLengths(hooks.lengthPredictor, () => performance.now(), warn)
  const addon = loadAddon()
  const location = await locateModel(model, { onProgress: hooks.onDownload })
  const description = await describeModel(location, addon)
  const devices = addon.devices()
  const machine = { ...readMachine(), cards: devices.filter(isCard) }
  const resolved = resolveOptions(parsed, factsOf(description, devices), { ...machine, threads: threadsInUse?.threads ?? machine.threads })
  hooks.onResolved?.(resolved, description)
  useThreads(addon, resolved)
  const weights = addon.loadModel({
    path: location.path,
    spec: JSON.stringify(description.spec),
    deviceMap: resolved.deviceMap,
    quantize: resolved.quantize,
    quantizeGroup: resolved.quantizeGroup,
    activationDtype: resolved.activationDtype,
    kvDtype: resolved.kvDtype,
    kvBlocks: resolved.kvBlocks,
    kvHostBlocks: resolved.kvHostBlocks,
    blockTokens: resolved.blockTokens,
    maxRows: resolved.maxNumSeqs,
    maxTokens: resolved.maxBatchTokens,
    maxLogprobs: resolved.maxLogprobs,
    maxSequenceTokens: resolved.maxModelLen,
    deterministic: resolved.deterministic,
    nccl: resolved.nccl,
    preallocateKv: resolved.preallocateKv,
    kernels: resolved.kernels,
    stageTimes: hooks.stageTimes ?? false
  }, done => { hooks.onProgress?.(done) })
  // At once: the tokenizer is JavaScript's work, and what is wrong with it need not wait for the weights.
  const [native, text] = await Promise.all([weights, description.loadText()]).catch((error: unknown) => {
    weights.then(async loaded => { await loaded.dispose() }).catch(() => {})
    throw error
  })
  const { profilerState } = resolved
  const profilerFile = profilerState === undefined ? undefined
    : new ProfilerFile(profilerPath(profilerState, native.fingerprint, resolved), performance.now(), warn)
  return {
    model: native,
    spec: description.spec,
    ...text,
    generation: description.generation,
    options: resolved,
    hashing: addon,
    path: location.path,
    ...externalLengths === undefined ? {} : { externalLengths },
    ...profilerFile === undefined ? {} : { profilerFile, profiling: await profilerFile.read() }
  }
}

function checkNcclPath (nccl: string): void {
  if (nccl === 'auto' || nccl === 'off' || existsSync(nccl)) return
  throw new InvalidOptionError('nccl', `nccl is ${nccl}, but there is no such file or folder. It is auto, off, or the path of NCCL or of its folder.`)
}

/** The compute pools belong to the process, and cannot change once a model has been loaded. */
let threadsInUse: Pick<ResolvedOptions, 'threads' | 'pinThreads'> | undefined

function useThreads (addon: Addon, { threads, pinThreads }: ResolvedOptions): void {
  if (threadsInUse === undefined) {
    addon.setThreads(threads, pinThreads)
    threadsInUse = { threads, pinThreads }
    return
  }
  if (threads !== threadsInUse.threads) {
    throw new InvalidOptionError('threads',
      `threads is ${threads}, but this process already computes with ${threadsInUse.threads}. Leave it out, or start another process.`)
  }
  if (pinThreads !== threadsInUse.pinThreads) {
    throw new InvalidOptionError('pinThreads',
      `pinThreads is ${pinThreads}, but the threads of this process are ${threadsInUse.pinThreads ? '' : 'not '}pinned. It must be the same for all models of a process.`)
  }
}

const isCard = ({ name }: DeviceInfo): boolean => name.startsWith('cuda')

function factsOf (description: ModelDescription, devices: readonly DeviceInfo[]): ModelFacts {
  const { spec, files } = description
  const matrix = spec.tensors.q.name.replace('{layer}', '0')
  return {
    name: description.location.name,
    spec,
    weightsBytes: quantization => quantizedBytes(description.weights, quantization),
    cardWeightsBytes: (quantization, activations) => cardBytes(description.weights, quantization, activations),
    weightsDtype: files.tensors.find(tensor => tensor.name === matrix)?.dtype ?? 'BF16',
    defaultDevice: devices.find(device => isCard(device) && device.usable)?.name ?? 'cpu:0',
    kvBytesPerToken: dtype => kvBytesPerToken(spec, dtype)
  }
}
