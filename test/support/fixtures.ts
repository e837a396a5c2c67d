import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The path of a file or folder under test/fixtures. */
export const fixture = (path: string): string => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url))

export interface Tensor {
  readonly shape: readonly number[]
  readonly data: Float32Array | Int32Array
}

/** All F32 and I32 tensors of a small safetensors file: for expected values. */
export function readTensors (path: string): Map<string, Tensor> {
  const file = readFileSync(path)
  const headerBytes = Number(file.readBigUInt64LE(0))
  const header = JSON.parse(file.toString('utf8', 8, 8 + headerBytes)) as
    Record<string, { dtype: string, shape: number[], data_offsets: [number, number] }>
  const tensors = new Map<string, Tensor>()
  for (const [name, { dtype, shape, data_offsets: [start, end] }] of Object.entries(header)) {
    if (name === '__metadata__') continue
    const bytes = Uint8Array.prototype.slice.call(file, 8 + headerBytes + start, 8 + headerBytes + end)
    if (dtype !== 'F32' && dtype !== 'I32') throw new Error(`${path}: ${name} is ${dtype}`)
    tensors.set(name, { shape, data: dtype === 'F32' ? new Float32Array(bytes.buffer) : new Int32Array(bytes.buffer) })
  }
  return tensors
}
