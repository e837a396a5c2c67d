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

/**
 * Bytes that the same weights take on a card that computes in `activations`; cuda/device/card_weight.cu has the
 * same rules. Codes of GGUF files take more than in the file: 9 bits for the 6.6 of Q6_K, 5 for the 4.5 of Q4_K.
 *
 * @throws InvalidOptionError when there is nothing to quantise
 */
export function cardBytes (weights: readonly WeightInfo[], quantization: Quantization, activations: 'f32' | 'f16' | 'bf16'): number {
  quantizedBytes(weights, quantization) // throws
  return weights.reduce((sum, weight) => sum + Math.ceil(cardBytesOf(weight, quantization, activations) / 256) * 256, 0)
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
  return isInt4(weight, { quantize, quantizeGroup }) ? rows * cols / 2 + rows * cols / quantizeGroup * 2 : rows * cols + rows * 4
}

/** Those of the vocabulary get int8 instead, as do columns that make no whole groups. */
function isInt4 ({ role, shape: [, cols = 0] }: WeightInfo, { quantize, quantizeGroup }: Quantization): boolean {
  return quantize === 'int4' && role !== 'embedding' && role !== 'lmHead' && cols % quantizeGroup === 0
}

/** How a card keeps the blocks of GGUF files: bits of a code, bits beside it for each weight, and a row's columns are a multiple of. */
const cardBlocks: Readonly<Record<string, readonly [code: number, scale: number, multiple: number]>> = {
  Q8_0: [8, 16 / 32, 64],
  Q4_0: [4, 16 / 32, 128],
  Q4_K: [4, 2 * 16 / 32, 128],
  Q6_K: [8, 16 / 16, 64]
}

function cardBytesOf (weight: WeightInfo, quantization: Quantization, activations: 'f32' | 'f16' | 'bf16'): number {
  const { shape, dtype } = weight
  const [rows = 0, cols = 1] = shape
  if (!isMatrix(weight)) return 4 * shape.reduce((product, size) => product * size, 1)
  const bytes = ([code, scale, multiple]: readonly [number, number, number]): number =>
    roundUp(rows, 8) * roundUp(cols, multiple) * (code + scale) / 8
  if (isQuantizable(weight) && quantization.quantize !== 'none') {
    return isInt4(weight, quantization) ? bytes([4, 16 / quantization.quantizeGroup, 128]) : bytes([8, 0, 64]) + 4 * rows
  }
  const block = cardBlocks[dtype]
  if (block !== undefined) return bytes(block)
  const element = activations === 'f32' && dtype === 'F32' ? 4 : 2
  return rows * roundUp(cols, 32) * element
}

const roundUp = (value: number, multiple: number): number => Math.ceil(value / multiple) * multiple
