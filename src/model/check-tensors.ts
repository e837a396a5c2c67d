import type { TensorIndex } from './architectures/architecture.js'
import { ModelFilesError, UnsupportedModelError } from './errors.js'
import type { ModelSpec, TensorNames, TensorRef } from './model-spec.js'

/** Element types that the runtime computes with. */
export const supportedDtypes: readonly string[] = ['F32', 'F16', 'BF16', 'Q8_0', 'Q4_0', 'Q4_K', 'Q6_K']

/**
 * Every tensor that the spec names must be there, with the shape that the spec implies and a type
 * that the runtime reads.
 *
 * @param source the file that the spec came from, for the message
 * @throws ModelFilesError naming the first tensor that is missing or of another shape
 * @throws UnsupportedModelError naming the tensor and its type
 */
export function checkTensors (spec: ModelSpec, tensors: TensorIndex, source: string): void {
  const shapes = expectedShapes(spec)
  for (const [role, shape] of Object.entries(shapes) as Array<[keyof TensorNames, readonly number[]]>) {
    const ref = spec.tensors[role]
    if (ref === undefined) continue
    for (const name of layerNames(ref, spec.numLayers)) checkTensor(name, ref, shape, tensors, source)
  }
  checkLayerCount(spec, tensors, source)
}

function expectedShapes (spec: ModelSpec): Readonly<Record<keyof TensorNames, readonly number[]>> {
  const { vocabSize, hiddenSize, headDim, ffnSize } = spec
  const qDim = spec.numHeads * headDim
  const kvDim = spec.numKvHeads * headDim
  return {
    embedding: [vocabSize, hiddenSize],
    finalNorm: [hiddenSize],
    lmHead: [vocabSize, hiddenSize],
    inputNorm: [hiddenSize],
    q: [qDim, hiddenSize],
    k: [kvDim, hiddenSize],
    v: [kvDim, hiddenSize],
    qBias: [qDim],
    kBias: [kvDim],
    vBias: [kvDim],
    qNorm: [headDim],
    kNorm: [headDim],
    o: [hiddenSize, qDim],
    oBias: [hiddenSize],
    postNorm: [hiddenSize],
    gate: [ffnSize, hiddenSize],
    up: [ffnSize, hiddenSize],
    down: [hiddenSize, ffnSize]
  }
}

function layerNames (ref: TensorRef, numLayers: number): readonly string[] {
  if (!ref.name.includes('{layer}')) return [ref.name]
  return Array.from({ length: numLayers }, (_, layer) => ref.name.replace('{layer}', String(layer)))
}

function checkTensor (
  name: string, ref: TensorRef, shape: readonly number[], tensors: TensorIndex, source: string
): void {
  const tensor = tensors.get(name)
  if (tensor === undefined) {
    throw new ModelFilesError(`${source} asks for the tensor ${name} ${print(shape)}, which the checkpoint does not have. ` +
      'Check that config and weights belong together and that all shards are there.')
  }
  if (!supportedDtypes.includes(tensor.dtype)) {
    throw new UnsupportedModelError(`The tensor ${name} has type ${tensor.dtype}. ` +
      `Supported: ${supportedDtypes.join(', ')}. Use a checkpoint of one of these types.`)
  }
  const rows = ref.rows === undefined ? tensor.shape[0] : ref.rows[1] - ref.rows[0]
  const found = [rows ?? 0, ...tensor.shape.slice(1)]
  const rowsEnd = ref.rows?.[1] ?? 0
  if (found.length !== shape.length || found.some((size, i) => size !== shape[i]) || rowsEnd > (tensor.shape[0] ?? 0)) {
    throw new ModelFilesError(`${source} contradicts the checkpoint: the tensor ${name} has shape ${print(tensor.shape)}, ` +
      `and ${print(shape)} is expected. Check that config and weights belong together.`)
  }
}

/** A config of too few layers would serve a truncated model without a word. */
function checkLayerCount (spec: ModelSpec, tensors: TensorIndex, source: string): void {
  const extra = spec.tensors.q.name.replace('{layer}', String(spec.numLayers))
  if (extra !== spec.tensors.q.name && tensors.has(extra)) {
    throw new ModelFilesError(`${source} says ${spec.numLayers} layers, but the checkpoint also has ${extra}. ` +
      'Check that config and weights belong together.')
  }
}

const print = (shape: readonly number[]): string => `(${shape.join(', ')})`
