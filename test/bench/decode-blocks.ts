// Decoders of GGUF blocks, written from the format's description alone: what the encoders of bench/checkpoint are held to.

function half (bits: number): number {
  const sign = bits >> 15 === 0 ? 1 : -1
  const exponent = bits >> 10 & 31
  return sign * (exponent === 0 ? (bits & 1023) * 2 ** -24 : 2 ** (exponent - 15) * (1 + (bits & 1023) / 1024))
}

/** 32 values of a Q4_0 block of 18 bytes. */
export function decodeQ4 (block: Buffer): number[] {
  const scale = half(block.readUInt16LE())
  const nibbles = [...block.subarray(2, 18)]
  return [...nibbles.map(byte => byte & 15), ...nibbles.map(byte => byte >> 4)].map(q => scale * (q - 8))
}

/** 256 values of a Q4_K block of 144 bytes. */
export function decodeQ4K (block: Buffer): number[] {
  const [d, dmin] = [half(block.readUInt16LE(0)), half(block.readUInt16LE(2))]
  const packed = block.subarray(4, 16)
  const scaleAndMin = (j: number): [number, number] => j < 4
    ? [packed[j]! & 63, packed[j + 4]! & 63]
    : [packed[j + 4]! & 15 | packed[j - 4]! >> 6 << 4, packed[j + 4]! >> 4 | packed[j]! >> 6 << 4]
  return Array.from({ length: 256 }, (_, i) => {
    const j = i >> 5
    const [scale, min] = scaleAndMin(j)
    const byte = block[16 + (j >> 1) * 32 + i % 32]!
    return d * scale * (j % 2 === 0 ? byte & 15 : byte >> 4) - dmin * min
  })
}

/** 256 values of a Q6_K block of 210 bytes. */
export function decodeQ6K (block: Buffer): number[] {
  const d = half(block.readUInt16LE(208))
  return Array.from({ length: 256 }, (_, i) => {
    const [side, inSide] = [i >> 7, i % 128]
    const byte = block[side * 64 + inSide % 64]!
    const low = inSide < 64 ? byte & 15 : byte >> 4
    const high = block[128 + side * 32 + inSide % 32]! >> 2 * (inSide >> 5) & 3
    return d * block.readInt8(192 + (i >> 4)) * ((low | high << 4) - 32)
  })
}
