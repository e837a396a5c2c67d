import { UnsupportedModelError } from '../errors.js'
import type { ConfigReader } from '../hf-config.js'
import type { ModelSpec } from '../model-spec.js'
import { checkTensors } from '../check-tensors.js'
import type { Architecture, TensorIndex } from './architecture.js'
import { llama } from './llama.js'
import { qwen2 } from './qwen2.js'
import { qwen3 } from './qwen3.js'

export type { Architecture, TensorIndex } from './architecture.js'

/** All that can be served. A new family is one file and one entry here. */
export const architectures: readonly Architecture[] = [llama, qwen2, qwen3]

/**
 * The model that config.json describes, checked against the checkpoint's tensors.
 *
 * @throws UnsupportedModelError for an unknown family or a feature that is not implemented
 * @throws ModelFilesError for missing fields, and for tensors that contradict them
 */
export function specFromHf (config: ConfigReader, tensors: TensorIndex): ModelSpec {
  const modelType = config.text('model_type')
  const architecture = architectures.find(({ modelTypes }) => modelTypes.includes(modelType))
  if (architecture === undefined) {
    throw config.unsupported('model_type', `Supported: ${architectures.flatMap(known => known.modelTypes).join(', ')}.`)
  }
  refuseOtherHeads(config)
  const spec = architecture.fromConfig(config)
  checkTensors(spec, tensors, config.source)
  return spec
}

/** As `specFromHf`, for the key-values of a GGUF file. */
export function specFromGgufMetadata (
  metadata: ConfigReader, tensors: TensorIndex, ropeFactors: Float32Array | undefined
): ModelSpec {
  const name = metadata.text('general.architecture')
  const architecture = architectures.find(({ ggufNames }) => ggufNames.includes(name))
  if (architecture === undefined) {
    throw metadata.unsupported('general.architecture',
      `Supported: ${architectures.flatMap(known => known.ggufNames).join(', ')}.`)
  }
  const spec = architecture.fromGguf(metadata, tensors, ropeFactors)
  checkTensors(spec, tensors, metadata.source)
  return spec
}

/** A reward model or classifier has the same layers, but no use for its token logits. */
function refuseOtherHeads (config: ConfigReader): void {
  const names = config.raw('architectures')
  if (!Array.isArray(names) || names.length === 0) return
  if (!names.some(name => typeof name === 'string' && name.endsWith('ForCausalLM'))) {
    throw new UnsupportedModelError(
      `${config.source}: architectures is ${JSON.stringify(names)}. Only causal language models (...ForCausalLM) can be served.`)
  }
}
