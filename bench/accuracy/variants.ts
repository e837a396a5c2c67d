import { join } from 'node:path'
import type { ModelSpec } from '../../src/model/model-spec.js'
import type { Addon, LoadOptions, TensorInfo } from '../../src/native/binding.js'
import { types } from '../checkpoint/encode.mjs'
import { writeGguf, type GgufTensor } from './write-gguf.js'

type TypeName = keyof typeof types

/** One line of the table: the types that a file has, and what loading makes of them. */
export interface Variant {
  readonly name: string
  readonly matrices: TypeName
  /** Of the embedding and the head; default: as the other matrices. */
  readonly vocabulary?: TypeName
  readonly load?: Partial<Pick<LoadOptions, 'quantize' | 'quantizeGroup'>>
}

export const variants: readonly Variant[] = [
  { name: 'F16', matrices: 'f16' },
  { name: 'BF16', matrices: 'bf16' },
  { name: '--quantize int8', matrices: 'bf16', load: { quantize: 'int8' } },
  { name: '--quantize int4', matrices: 'bf16', load: { quantize: 'int4' } },
  { name: '--quantize int4, groups of 64', matrices: 'bf16', load: { quantize: 'int4', quantizeGroup: 64 } },
  { name: '--quantize int4, groups of 128', matrices: 'bf16', load: { quantize: 'int4', quantizeGroup: 128 } },
  { name: 'Q8_0', matrices: 'q8_0' },
  { name: 'Q6_K', matrices: 'q6_k' },
  { name: 'Q4_K, vocabulary in Q6_K', matrices: 'q4_k', vocabulary: 'q6_k' },
  { name: 'Q4_0, vocabulary in Q6_K', matrices: 'q4_0', vocabulary: 'q6_k' },
  { name: 'Q4_0 everywhere', matrices: 'q4_0' }
]

/** The checkpoint at `path` with its matrices in other types, in one file; the tensors keep their names. */
export async function writeVariant (
  addon: Addon, path: string, spec: ModelSpec, folder: string, { matrices, vocabulary = matrices }: Pick<Variant, 'matrices' | 'vocabulary'>
): Promise<string> {
  const out = join(folder, `${matrices}-${vocabulary}.gguf`)
  const { tensors } = await addon.readModelFiles(path)
  const vocabularyNames = [spec.tensors.embedding.name, spec.tensors.lmHead?.name]
  const typeOf = ({ name, shape }: TensorInfo): TypeName => {
    if (shape.length < 2) return 'f32'
    return vocabularyNames.includes(name) ? vocabulary : matrices
  }
  const encoded: GgufTensor[] = []
  for (const tensor of tensors) {
    const type = types[typeOf(tensor)]
    encoded.push({ name: tensor.name, shape: tensor.shape, type: type.ggmlType, data: type.encode(await addon.readTensor(path, tensor.name)) })
  }
  writeGguf(out, encoded)
  return out
}
