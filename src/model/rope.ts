import type { RopeSpec } from './model-spec.js'

// `transformers` computes inverse frequencies in float32. The reference logits depend on it at long
// positions, so every operation here is rounded to float32 in the same order.
const f32 = Math.fround

export interface RopeBase {
  readonly theta: number
  /** Dimensions of a head that are rotated; even. */
  readonly rotaryDim: number
}

/** How positions beyond the first training length are reached. */
export type RopeScaling =
  | { readonly type: 'default' }
  | { readonly type: 'linear', readonly factor: number }
  | Llama3Scaling
  | YarnScaling
  | { readonly type: 'factors', readonly factors: Float32Array }

export interface Llama3Scaling {
  readonly type: 'llama3'
  readonly factor: number
  readonly lowFreqFactor: number
  readonly highFreqFactor: number
  readonly originalPositions: number
}

export interface YarnScaling {
  readonly type: 'yarn'
  readonly factor: number
  readonly originalPositions: number
  /** Rotations within the original context above which a dimension is left alone. */
  readonly betaFast: number
  /** Rotations below which a dimension is fully interpolated. */
  readonly betaSlow: number
  /** Whole dimensions for the borders of the ramp. */
  readonly truncate: boolean
  readonly magnitude: number
}

/** Rotary embedding with its scaling folded into the numbers. Su et al. 2021, arXiv:2104.09864. */
export function makeRope (base: RopeBase, scaling: RopeScaling): RopeSpec {
  return {
    form: 'halves',
    inverseFrequencies: Array.from(scaledFrequencies(base, scaling)),
    magnitude: scaling.type === 'yarn' ? scaling.magnitude : 1
  }
}

/** theta^(-2i/d), i = 0 .. d/2 - 1. */
export function plainFrequencies ({ theta, rotaryDim }: RopeBase): Float32Array {
  return Float32Array.from({ length: rotaryDim / 2 }, (_, i) => 1 / wavelengthScale(theta, i, rotaryDim))
}

function wavelengthScale (theta: number, i: number, rotaryDim: number): number {
  return f32(Math.pow(f32(theta), f32(2 * i / rotaryDim)))
}

function scaledFrequencies (base: RopeBase, scaling: RopeScaling): Float32Array {
  const plain = plainFrequencies(base)
  switch (scaling.type) {
    case 'default': return plain
    case 'linear': return plain.map(frequency => frequency / scaling.factor)
    case 'llama3': return plain.map(frequency => llama3Frequency(frequency, scaling))
    case 'yarn': return yarnFrequencies(base, scaling)
    case 'factors': return plain.map((frequency, i) => frequency / scaling.factors[i]!)
  }
}

/**
 * Llama 3.1: long wavelengths are stretched by `factor`, short ones kept, those between blended.
 */
function llama3Frequency (frequency: number, scaling: Llama3Scaling): number {
  const { factor, lowFreqFactor, highFreqFactor, originalPositions } = scaling
  const wavelength = f32(f32(2 * Math.PI) / frequency)
  if (wavelength < originalPositions / highFreqFactor) return frequency
  if (wavelength > originalPositions / lowFreqFactor) return f32(frequency / factor)
  const smooth = f32(f32(f32(originalPositions / wavelength) - lowFreqFactor) / (highFreqFactor - lowFreqFactor))
  return f32(f32(f32(f32(1 - smooth) * frequency) / factor) + f32(smooth * frequency))
}

/** YaRN: Peng et al. 2023, arXiv:2309.00071, section 3.2 (NTK by parts). */
function yarnFrequencies ({ theta, rotaryDim }: RopeBase, scaling: YarnScaling): Float32Array {
  const [low, high] = yarnRamp(theta, rotaryDim, scaling)
  const width = high === low ? 0.001 : high - low
  return Float32Array.from({ length: rotaryDim / 2 }, (_, i) => {
    const kept = f32(1 - clampToUnit(f32(f32(i - low) / width)))
    const scale = wavelengthScale(theta, i, rotaryDim)
    const stretched = f32(1 / f32(scaling.factor * scale))
    return f32(f32(stretched * f32(1 - kept)) + f32(f32(1 / scale) * kept))
  })
}

/** First and last dimension of the ramp from kept to stretched frequencies. */
function yarnRamp (theta: number, rotaryDim: number, scaling: YarnScaling): [number, number] {
  const dimensionOf = (rotations: number): number =>
    rotaryDim * Math.log(scaling.originalPositions / (rotations * 2 * Math.PI)) / (2 * Math.log(theta))
  const low = dimensionOf(scaling.betaFast)
  const high = dimensionOf(scaling.betaSlow)
  return [
    Math.max(scaling.truncate ? Math.floor(low) : low, 0),
    Math.min(scaling.truncate ? Math.ceil(high) : high, rotaryDim - 1)
  ]
}

const clampToUnit = (value: number): number => Math.min(Math.max(value, 0), 1)

/** The context that scaling reaches; llama3 checkpoints already state it. */
export function scaledPositions (positions: number, scaling: RopeScaling): number {
  if (scaling.type === 'linear') return Math.floor(positions * scaling.factor)
  if (scaling.type === 'yarn') return Math.max(positions, Math.floor(scaling.originalPositions * scaling.factor))
  return positions
}
