import { readFileSync } from 'node:fs'

/** Tensors by name: type (safetensors' name, or GGML's number), dimensions as stored, and their bytes. */
export type Weights = Map<string, { type: string | number, shape: number[], bytes: Buffer }>

/** A safetensors file, read with nothing but its specification. */
export function readSafetensors (path: string): Weights {
  const file = readFileSync(path)
  const start = 8 + Number(file.readBigUInt64LE())
  const header = JSON.parse(file.toString('utf8', 8, start)) as
    Record<string, { dtype: string, shape: number[], data_offsets: [number, number] }>
  const weights: Weights = new Map()
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue
    const { dtype, shape, data_offsets: [from, to] } = entry
    weights.set(name, { type: dtype, shape, bytes: file.subarray(start + from, start + to) })
  }
  return weights
}

/** Values and bytes of a block, by GGML type: F32, Q4_0, Q8_0, Q4_K, Q6_K. */
const blocks: Record<number, [number, number]> = { 0: [1, 4], 2: [32, 18], 8: [32, 34], 12: [256, 144], 14: [256, 210] }

/** A GGUF v3 file with tensors of those types, read with nothing but its specification. */
export function readGguf (path: string): { metadata: Map<string, unknown>, weights: Weights } {
  const file = readFileSync(path)
  let at = 8
  const u32 = () => file.readUInt32LE((at += 4) - 4)
  const u64 = () => Number(file.readBigUInt64LE((at += 8) - 8))
  const text = () => {
    const size = u64()
    return file.toString('utf8', at, at += size)
  }
  const value = (type: number): unknown => {
    if (type === 8) return text()
    if (type === 9) {
      const kind = u32()
      return Array.from({ length: u64() }, () => value(kind))
    }
    if (type === 6) return file.readFloatLE((at += 4) - 4)
    if (type === 7) return file.readUInt8(at++) === 1
    if (type === 4 || type === 5) return u32()
    throw new Error(`metadata type ${type} is not expected here`)
  }
  const tensors = u64()
  const metadata = new Map<string, unknown>()
  for (let pairs = u64(); pairs > 0; pairs--) metadata.set(text(), value(u32()))
  const infos = Array.from({ length: tensors }, () => ({
    name: text(), shape: Array.from({ length: u32() }, u64), type: u32(), offset: u64()
  }))
  const data = Math.ceil(at / 32) * 32
  const weights: Weights = new Map()
  for (const { name, shape, type, offset } of infos) {
    const count = shape.reduce((product, n) => product * n, 1)
    const [values, bytes] = blocks[type]!
    const size = count / values * bytes
    weights.set(name, { type, shape, bytes: file.subarray(data + offset, data + offset + size) })
  }
  return { metadata, weights }
}
