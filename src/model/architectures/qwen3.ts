import { qwenWindows } from '../sliding-window.js'
import type { Architecture } from './architecture.js'
import { specFromConfig, specFromGguf } from './decoder.js'

/** Qwen3, dense: heads of a size of their own, and RMS norms on each head of Q and K. */
export const qwen3: Architecture = {
  name: 'qwen3',
  modelTypes: ['qwen3'],
  ggufNames: ['qwen3'],

  fromConfig (config) {
    return specFromConfig(config, {
      architecture: 'qwen3',
      bias: config.flag('attention_bias', false) ? 'qkvo' : 'none',
      qkNorm: true,
      defaultHeadDim: 128,
      slidingWindows: numLayers => qwenWindows(config, numLayers)
    })
  },

  fromGguf (metadata, tensors, ropeFactors) {
    return specFromGguf(metadata, tensors, ropeFactors, { architecture: 'qwen3', qkNorm: true, permutedHeads: false })
  }
}
