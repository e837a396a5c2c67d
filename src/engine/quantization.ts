import { InvalidOptionError } from '../core/errors.js'
import type { WeightInfo } from '../model/load-description.js'
import type { EngineOptions } from './options.js'

export type Quantization = Pick<EngineOptions, 'quantize' | 'quantizeGroup'>

const floatDtypes = ['F32', 'F16', 'BF16']

/**
 * Bytes that weights take once they are quantised; native/runtime/model_weights.cpp has the same rules.
 *
 * @throws InvalidOptionError when there is nothing to quantise
 */
export function quantizedBytes (weights: readonly WeightInfo[], quantization: Quantization): number {
  if (quantization.quantize !== 'none' && !weights.some(isQuantizable)) {
    const dtypes = [...new Set(weights.filter(isMatrix).map(({ dtype }) => dtype))].join(', ')
    throw new InvalidOptionError('quantize', `quantize is ${quantization.quantize}, but the model's matrices are already quantised (${dtypes}). ` +
      'Leave out --quantize, or take the model in BF16, F16 or F32.')
  }
  return weights.reduce((sum, weight) => sum + bytesOf(weight, quantization), 0)
}

/** For people: 'int4 in groups of 32', or undefined when weights are used as they are in the files. */
export function quantizationText ({ quantize, quantizeGroup }: Quantization): string | undefined {
  if (quantize === 'none') return undefined
  return quantize === 'int8' ? 'int8 per channel' : `int4 in groups of ${quantizeGroup}`
}

const isMatrix = ({ shape }: WeightInfo): boolean => shape.length === 2
const isQuantizable = (weight: WeightInfo): boolean => isMatrix(weight) && floatDtypes.includes(weight.dtype)

function bytesOf (weight: WeightInfo, { quantize, quantizeGroup }: Quantization): number {
  if (quantize === 'none' || !isQuantizable(weight)) return weight.bytes
  const [rows = 0, cols = 0] = weight.shape
  const isVocabulary = weight.role === 'embedding' || weight.role === 'lmHead'
  const isInt4 = quantize === 'int4' && !isVocabulary && cols % quantizeGroup === 0
  return isInt4 ? rows * cols / 2 + rows * cols / quantizeGroup * 2 : rows * cols + rows * 4
}
