import type { TensorInfo } from '../../native/binding.js'
import type { ModelSpec } from '../model-spec.js'
import type { ConfigReader } from '../hf-config.js'

/** The checkpoint's tensors by name. */
export type TensorIndex = ReadonlyMap<string, TensorInfo>

/** One family of models: how its files describe a decoder-only transformer. */
export interface Architecture {
  readonly name: string
  /** Values of `model_type` in config.json. */
  readonly modelTypes: readonly string[]
  /** Values of `general.architecture` in GGUF files. */
  readonly ggufNames: readonly string[]
  fromConfig (config: ConfigReader): ModelSpec
  /** `ropeFactors`: the values of `rope_freqs.weight` when the file has it. */
  fromGguf (metadata: ConfigReader, tensors: TensorIndex, ropeFactors: Float32Array | undefined): ModelSpec
}
