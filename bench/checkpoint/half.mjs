// Numbers of 16 bits.

const scratch = new Float32Array(1)
const scratchBits = new Uint32Array(scratch.buffer)

/**
 * The bits of the nearest bfloat16, ties to even. Finite values only.
 * @param {number} value
 */
export function toBf16 (value) {
  scratch[0] = value
  const bits = scratchBits[0]
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16
}

/**
 * The bits of the nearest IEEE half, ties to even. Finite values below 65520 only.
 * @param {number} value
 */
export function toF16 (value) {
  scratch[0] = value
  const bits = scratchBits[0]
  const sign = (bits >>> 16) & 0x8000
  const magnitude = Math.abs(scratch[0])
  // Below 2^-14 a half is a multiple of 2^-24.
  if (magnitude < 2 ** -14) return sign | roundToEven(magnitude * 2 ** 24)
  const rebased = (bits & 0x7fffffff) - (112 << 23)
  return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13)
}

/** @param {number} value not negative */
function roundToEven (value) {
  const floor = Math.floor(value)
  const rest = value - floor
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor
}
