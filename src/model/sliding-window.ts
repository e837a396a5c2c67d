import type { ConfigReader } from './hf-config.js'

// A window of w: a query sees itself and the w - 1 tokens before it, as in `transformers`.

export function noWindows (numLayers: number): readonly number[] {
  return new Array<number>(numLayers).fill(0)
}

/** Mistral: one window for all layers; the field's absence means 4096, null means none. */
export function mistralWindows (config: ConfigReader, numLayers: number): readonly number[] {
  if (config.has('layer_types')) {
    throw config.unsupported('layer_types', 'Mistral models with alternating attention are not implemented.')
  }
  const window = config.isNull('sliding_window') ? 0 : config.count('sliding_window', 4096)
  return new Array<number>(numLayers).fill(window)
}

/**
 * Qwen: `use_sliding_window` turns the window on, for the layers of `layer_types`, else for those
 * from `max_window_layers` on.
 */
export function qwenWindows (config: ConfigReader, numLayers: number): readonly number[] {
  const isOn = config.flag('use_sliding_window', false) && !config.isNull('sliding_window')
  const types = layerTypes(config, numLayers)
  if (!isOn) {
    if (types?.includes('sliding_attention') === true) {
      throw config.invalid('layer_types', 'all full_attention when use_sliding_window is not true')
    }
    return noWindows(numLayers)
  }
  const window = config.count('sliding_window', 4096)
  const firstWindowed = config.raw('max_window_layers') === 0 ? 0 : config.count('max_window_layers', 28)
  return Array.from({ length: numLayers }, (_, layer) =>
    (types === undefined ? layer >= firstWindowed : types[layer] === 'sliding_attention') ? window : 0)
}

function layerTypes (config: ConfigReader, numLayers: number): readonly string[] | undefined {
  const types = config.raw('layer_types')
  if (types === undefined) return undefined
  if (!Array.isArray(types) || types.length !== numLayers ||
      !types.every(type => type === 'full_attention' || type === 'sliding_attention')) {
    throw config.invalid('layer_types', `an array of ${numLayers} strings, each full_attention or sliding_attention`)
  }
  return types as string[]
}
