import { writeFileSync } from 'node:fs'

export interface GgufTensor {
  readonly name: string
  /** Outermost first. */
  readonly shape: readonly number[]
  /** Number of its GGML type. */
  readonly type: number
  readonly data: Uint8Array
}

const alignment = 32
const padded = (bytes: number): number => Math.ceil(bytes / alignment) * alignment

/** A GGUF file of tensors alone: the least that the native reader needs. */
export function writeGguf (path: string, tensors: readonly GgufTensor[]): void {
  const parts: Buffer[] = []
  const u32 = (value: number): void => { parts.push(Buffer.from(Uint32Array.of(value).buffer)) }
  const u64 = (value: number): void => { parts.push(Buffer.from(BigUint64Array.of(BigInt(value)).buffer)) }
  u32(0x46554747)
  u32(3)
  u64(tensors.length)
  u64(0)
  let offset = 0
  for (const { name, shape, type, data } of tensors) {
    u64(Buffer.byteLength(name))
    parts.push(Buffer.from(name))
    u32(shape.length)
    for (const size of shape.toReversed()) u64(size)
    u32(type)
    u64(offset)
    offset += padded(data.length)
  }
  const headerBytes = parts.reduce((sum, part) => sum + part.length, 0)
  parts.push(Buffer.alloc(padded(headerBytes) - headerBytes))
  for (const { data } of tensors) parts.push(Buffer.from(data.buffer, data.byteOffset, data.length), Buffer.alloc(padded(data.length) - data.length))
  writeFileSync(path, Buffer.concat(parts))
}
