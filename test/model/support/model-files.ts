// A second, plain reader of both file formats, so that the model layer is tested without the addon.
import { readFile, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { MetadataValue, ModelFilesInfo, TensorInfo } from '../../../src/native/binding.js'

export const fixtures = new URL('../../fixtures/', import.meta.url).pathname

export async function readModelFiles (path: string): Promise<ModelFilesInfo> {
  return path.endsWith('.gguf') ? (await readGguf(path)).info : await readSafetensorsFolder(path)
}

/** Values of an F32 tensor of a GGUF file. */
export async function readTensor (path: string, name: string): Promise<Float32Array> {
  const { info, offsets, bytes } = await readGguf(path)
  const tensor = info.tensors.find(candidate => candidate.name === name)
  if (tensor?.dtype !== 'F32') throw new Error(`${path} has no F32 tensor ${name}`)
  const start = offsets.get(name)!
  return new Float32Array(Uint8Array.from(bytes.subarray(start, start + tensor.bytes)).buffer)
}

async function readSafetensorsFolder (folder: string): Promise<ModelFilesInfo> {
  const names = (await readdir(folder)).filter(name => name.endsWith('.safetensors') && !name.startsWith('expected'))
  const tensors: TensorInfo[] = []
  const files: Array<{ path: string, bytes: number }> = []
  for (const name of names.sort()) {
    const path = join(folder, name)
    files.push({ path, bytes: (await stat(path)).size })
    const data = await readFile(path)
    const header = JSON.parse(data.toString('utf8', 8, 8 + Number(data.readBigUInt64LE(0)))) as
      Record<string, { dtype: string, shape: number[], data_offsets: [number, number] }>
    for (const [tensor, entry] of Object.entries(header)) {
      if (tensor === '__metadata__') continue
      const [start, end] = entry.data_offsets
      tensors.push({ name: tensor, dtype: entry.dtype, shape: entry.shape, bytes: end - start, file: path })
    }
  }
  return { format: 'safetensors', files, tensors, metadata: {} }
}

/** GGUF type number -> name, values in a block, bytes of a block. */
const tensorTypes: Record<number, readonly [string, number, number]> =
  { 0: ['F32', 1, 4], 1: ['F16', 1, 2], 8: ['Q8_0', 32, 34], 30: ['BF16', 1, 2] }

async function readGguf (path: string): Promise<{ info: ModelFilesInfo, offsets: Map<string, number>, bytes: Uint8Array }> {
  const data = await readFile(path)
  const cursor = new Cursor(data, 8)
  const numTensors = Number(cursor.u64())
  const numPairs = Number(cursor.u64())
  const metadata: Record<string, MetadataValue> = {}
  for (let i = 0; i < numPairs; i++) metadata[cursor.text()] = cursor.value(cursor.u32())
  const tensors: TensorInfo[] = []
  const offsets = new Map<string, number>()
  for (let i = 0; i < numTensors; i++) {
    const name = cursor.text()
    const shape = Array.from({ length: cursor.u32() }, () => Number(cursor.u64())).reverse()
    const [dtype, blockValues, blockBytes] = tensorTypes[cursor.u32()]!
    offsets.set(name, Number(cursor.u64()))
    tensors.push({ name, dtype, shape, bytes: shape.reduce((a, b) => a * b, 1) / blockValues * blockBytes, file: path })
  }
  const alignment = typeof metadata['general.alignment'] === 'number' ? metadata['general.alignment'] : 32
  const start = Math.ceil(cursor.at / alignment) * alignment
  for (const [name, offset] of offsets) offsets.set(name, start + offset)
  return { info: { format: 'gguf', files: [{ path, bytes: data.length }], tensors, metadata }, offsets, bytes: data }
}

class Cursor {
  at: number
  readonly #data: Buffer

  constructor (data: Buffer, at: number) {
    this.#data = data
    this.at = at
  }

  u32 (): number { return this.#data.readUInt32LE((this.at += 4) - 4) }
  u64 (): bigint { return this.#data.readBigUInt64LE((this.at += 8) - 8) }

  text (): string {
    const length = Number(this.u64())
    return this.#data.toString('utf8', this.at, this.at += length)
  }

  value (type: number): MetadataValue {
    const data = this.#data
    switch (type) {
      case 0: return data.readUInt8((this.at += 1) - 1)
      case 1: return data.readInt8((this.at += 1) - 1)
      case 2: return data.readUInt16LE((this.at += 2) - 2)
      case 3: return data.readInt16LE((this.at += 2) - 2)
      case 4: return this.u32()
      case 5: return data.readInt32LE((this.at += 4) - 4)
      case 6: return data.readFloatLE((this.at += 4) - 4)
      case 7: return data.readUInt8((this.at += 1) - 1) !== 0
      case 8: return this.text()
      case 9: return this.#array()
      case 10: return Number(this.u64())
      case 11: return Number(data.readBigInt64LE((this.at += 8) - 8))
      case 12: return data.readDoubleLE((this.at += 8) - 8)
      default: throw new Error(`GGUF value type ${type}`)
    }
  }

  #array (): MetadataValue {
    const type = this.u32()
    const values = Array.from({ length: Number(this.u64()) }, () => this.value(type))
    if (type === 6) return Float32Array.from(values as number[])
    return type === 5 ? Int32Array.from(values as number[]) : values
  }
}
