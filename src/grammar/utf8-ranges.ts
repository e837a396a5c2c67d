import type { CodePointRanges } from './expression.js'

/** Byte ranges in a row, in pairs: [lowest, highest] of the first byte, then of the second, ... */
export type ByteRanges = readonly number[]

/** The largest code points of one, two, three and four bytes. */
const lastOfLength = [0x7F, 0x7FF, 0xFFFF, 0x10FFFF]
const surrogates: readonly [number, number] = [0xD800, 0xDFFF]

/**
 * UTF-8 of code points: a character is in the ranges exactly when its bytes fit one of the rows. Surrogates are no
 * characters and left out.
 */
export function utf8Ranges (ranges: CodePointRanges): ByteRanges[] {
  const rows: ByteRanges[] = []
  for (let i = 0; i < ranges.length; i += 2) {
    addRange(ranges[i]!, Math.min(ranges[i + 1]!, surrogates[0] - 1), rows)
    addRange(Math.max(ranges[i]!, surrogates[1] + 1), ranges[i + 1]!, rows)
  }
  return rows
}

/** Splits by length, then where a row of ranges would hold more than the characters between the bounds. */
function addRange (low: number, high: number, rows: ByteRanges[]): void {
  if (low > high) return
  for (const last of lastOfLength) {
    if (low <= last && high > last) {
      addRange(low, last, rows)
      addRange(last + 1, high, rows)
      return
    }
  }
  if (high <= lastOfLength[0]!) {
    rows.push([low, high])
    return
  }
  // Continuation bytes hold 6 bits each: below the first byte that differs, ranges must be whole.
  for (let bits = 6; bits <= 18; bits += 6) {
    const rest = 2 ** bits - 1
    if (low >> bits === high >> bits) break
    if ((low & rest) !== 0) {
      addRange(low, low | rest, rows)
      addRange((low | rest) + 1, high, rows)
      return
    }
    if ((high & rest) !== rest) {
      addRange(low, (high & ~rest) - 1, rows)
      addRange(high & ~rest, high, rows)
      return
    }
  }
  const from = encode(low)
  const to = encode(high)
  rows.push(from.flatMap((byte, i) => [byte, to[i]!]))
}

function encode (codePoint: number): number[] {
  return [...new TextEncoder().encode(String.fromCodePoint(codePoint))]
}
