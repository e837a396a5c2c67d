import { noWindows, mistralWindows } from '../sliding-window.js'
import type { Architecture } from './architecture.js'
import { specFromConfig, specFromGguf } from './decoder.js'

/**
 * Llama 1, 2 and 3.x, and models of their shape. Mistral differs by its sliding window alone, and
 * GGUF files call both `llama`.
 */
export const llama: Architecture = {
  name: 'llama',
  modelTypes: ['llama', 'mistral'],
  ggufNames: ['llama'],

  fromConfig (config) {
    const isMistral = config.text('model_type') === 'mistral'
    if (!isMistral && config.has('sliding_window')) {
      throw config.unsupported('sliding_window', 'Llama has no sliding window. ' +
        'If the model was trained with one, set model_type to "mistral"; else set the field to null.')
    }
    return specFromConfig(config, {
      architecture: isMistral ? 'mistral' : 'llama',
      bias: config.flag('attention_bias', false) ? 'qkvo' : 'none',
      qkNorm: false,
      slidingWindows: numLayers => isMistral ? mistralWindows(config, numLayers) : noWindows(numLayers)
    })
  },

  fromGguf (metadata, tensors, ropeFactors) {
    return specFromGguf(metadata, tensors, ropeFactors, { architecture: 'llama', qkNorm: false, permutedHeads: true })
  }
}
