import { ModelFilesError } from './errors.js'
import type { ConfigReader } from './hf-config.js'
import type { RopeSpec } from './model-spec.js'
import { makeRope, scaledPositions, type RopeScaling, type YarnScaling } from './rope.js'

/**
 * Reads `rope_scaling` (and `rope_theta` beside it) or the newer `rope_parameters` of config.json.
 *
 * @throws UnsupportedModelError for kinds that are not implemented
 */
export function ropeFromConfig (config: ConfigReader, headDim: number): { rope: RopeSpec, maxPositions: number } {
  const parameters = config.object('rope_parameters')
  const scalingReader = parameters ?? config.object('rope_scaling')
  const theta = parameters?.has('rope_theta') === true
    ? parameters.positive('rope_theta')
    : config.positive('rope_theta', 10_000)
  const partial = parameters?.has('partial_rotary_factor') === true
    ? parameters.positive('partial_rotary_factor')
    : config.positive('partial_rotary_factor', 1)
  const rotaryDim = Math.trunc(headDim * partial)
  if (rotaryDim < 2 || rotaryDim % 2 !== 0 || rotaryDim > headDim) {
    throw config.invalid('partial_rotary_factor', `a factor that leaves an even number of the ${headDim} dimensions of a head`)
  }
  const positions = config.count('max_position_embeddings')
  const scaling = scalingReader === undefined
    ? { type: 'default' } as const
    : scalingFromConfig(scalingReader, positions)
  return { rope: makeRope({ theta, rotaryDim }, scaling), maxPositions: scaledPositions(positions, scaling) }
}

function scalingFromConfig (reader: ConfigReader, positions: number): RopeScaling {
  const typeField = reader.has('rope_type') ? 'rope_type' : 'type'
  const type = reader.text(typeField, 'default')
  switch (type) {
    case 'default': return { type: 'default' }
    case 'linear': return { type: 'linear', factor: reader.positive('factor') }
    case 'llama3': return {
      type: 'llama3',
      factor: reader.positive('factor'),
      lowFreqFactor: reader.positive('low_freq_factor'),
      highFreqFactor: reader.positive('high_freq_factor'),
      originalPositions: reader.count('original_max_position_embeddings')
    }
    case 'yarn': return yarnFromConfig(reader, positions)
    default:
      throw reader.unsupported(typeField, 'Supported: default, linear, llama3, yarn. ' +
        'If the model was trained without scaling, remove the entry and stay within the original context.')
  }
}

function yarnFromConfig (reader: ConfigReader, positions: number): YarnScaling {
  const originalPositions = reader.count('original_max_position_embeddings', positions)
  const factor = reader.positive('factor', positions / originalPositions)
  return {
    type: 'yarn',
    factor,
    originalPositions,
    betaFast: reader.positive('beta_fast', 32),
    betaSlow: reader.positive('beta_slow', 1),
    truncate: reader.flag('truncate', true),
    magnitude: reader.has('attention_factor') ? reader.positive('attention_factor') : yarnMagnitude(reader, factor)
  }
}

/** 0.1 ln(factor) + 1 unless the checkpoint says otherwise (DeepSeek's mscale pair). */
function yarnMagnitude (reader: ConfigReader, factor: number): number {
  const magnitude = (mscale: number): number => factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1
  const mscale = reader.raw('mscale')
  const mscaleAllDim = reader.raw('mscale_all_dim')
  if (typeof mscale === 'number' && typeof mscaleAllDim === 'number' && mscale !== 0 && mscaleAllDim !== 0) {
    return magnitude(mscale) / magnitude(mscaleAllDim)
  }
  return magnitude(1)
}

/** Values of the GGUF tensor that carries Llama 3's scaling: one divisor for each frequency. */
export const ropeFactorsTensor = 'rope_freqs.weight'

/**
 * Reads `{prefix}.rope.*`. Llama 3's scaling comes as a tensor of divisors, not as key-values.
 *
 * @throws UnsupportedModelError for kinds that are not implemented
 */
export function ropeFromGguf (
  metadata: ConfigReader, prefix: string, headDim: number, factors: Float32Array | undefined
): { rope: RopeSpec, maxPositions: number } {
  const rotaryDim = metadata.count(`${prefix}.rope.dimension_count`, headDim)
  if (rotaryDim % 2 !== 0 || rotaryDim > headDim) {
    throw metadata.invalid(`${prefix}.rope.dimension_count`, `even and at most ${headDim}, the dimensions of a head`)
  }
  const theta = metadata.positive(`${prefix}.rope.freq_base`, 10_000)
  const positions = metadata.count(`${prefix}.context_length`)
  const scaling = factors === undefined
    ? scalingFromGguf(metadata, prefix, positions)
    : factorScaling(metadata, factors, rotaryDim)
  return { rope: makeRope({ theta, rotaryDim }, scaling), maxPositions: scaledPositions(positions, scaling) }
}

function scalingFromGguf (metadata: ConfigReader, prefix: string, positions: number): RopeScaling {
  const key = (name: string): string => `${prefix}.rope.scaling.${name}`
  const type = metadata.text(key('type'), metadata.has(`${prefix}.rope.scale_linear`) ? 'linear' : 'none')
  switch (type) {
    case 'none': return { type: 'default' }
    case 'linear': return {
      type: 'linear',
      factor: metadata.positive(key('factor'), metadata.positive(`${prefix}.rope.scale_linear`, 1))
    }
    case 'yarn': {
      const factor = metadata.positive(key('factor'))
      return {
        type: 'yarn',
        factor,
        originalPositions: metadata.count(key('original_context_length'), positions),
        betaFast: metadata.positive(key('yarn_beta_fast'), 32),
        betaSlow: metadata.positive(key('yarn_beta_slow'), 1),
        truncate: true,
        magnitude: metadata.positive(key('attn_factor'), 1) * (factor <= 1 ? 1 : 0.1 * Math.log(factor) + 1)
      }
    }
    default: throw metadata.unsupported(key('type'), 'Supported: none, linear, yarn.')
  }
}

function factorScaling (metadata: ConfigReader, factors: Float32Array, rotaryDim: number): RopeScaling {
  if (factors.length !== rotaryDim / 2 || !factors.every(factor => Number.isFinite(factor) && factor > 0)) {
    throw new ModelFilesError(`${metadata.source}: ${ropeFactorsTensor} must hold ${rotaryDim / 2} numbers above 0; ` +
      `it has ${factors.length}.`)
  }
  return { type: 'factors', factors }
}
