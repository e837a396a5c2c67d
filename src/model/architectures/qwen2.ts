import { qwenWindows } from '../sliding-window.js'
import type { Architecture } from './architecture.js'
import { specFromConfig, specFromGguf } from './decoder.js'

/** Qwen2 and Qwen2.5: Llama's shape with biases on Q, K and V. */
export const qwen2: Architecture = {
  name: 'qwen2',
  modelTypes: ['qwen2'],
  ggufNames: ['qwen2'],

  fromConfig (config) {
    return specFromConfig(config, {
      architecture: 'qwen2',
      bias: 'qkv',
      qkNorm: false,
      slidingWindows: numLayers => qwenWindows(config, numLayers)
    })
  },

  fromGguf (metadata, tensors, ropeFactors) {
    return specFromGguf(metadata, tensors, ropeFactors, { architecture: 'qwen2', qkNorm: false, permutedHeads: false })
  }
}
