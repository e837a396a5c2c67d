import t from 'tap'
import { decodeQ4, decodeQ4K, decodeQ6K } from './decode-blocks.js'

interface StoredType { blockValues: number, blockBytes: number, encode: (values: Float32Array) => Uint8Array }

const part = (name: string): Promise<unknown> => import(new URL(`../../bench/checkpoint/${name}.mjs`, import.meta.url).href)
const { types } = await part('encode') as { types: Record<'q4_0' | 'q4_k' | 'q6_k', StoredType> }

const seed = Date.now() % 100_000

function randomValues (length: number): Float32Array {
  let state = seed
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state / 2 ** 32 - 0.5) * 0.1
  })
}

/** Encoded and decoded again, block by block. */
function roundTrip (type: StoredType, decode: (block: Buffer) => number[], values: Float32Array): number[] {
  const bytes = Buffer.from(type.encode(values))
  if (bytes.length !== values.length / type.blockValues * type.blockBytes) throw new Error(`${bytes.length} bytes`)
  return Array.from({ length: values.length / type.blockValues }, (_, i) =>
    decode(bytes.subarray(i * type.blockBytes, (i + 1) * type.blockBytes))).flat()
}

/** The largest error of any block, in units of that block's range. */
function worstError (values: Float32Array, decoded: readonly number[], blockValues: number): number {
  let worst = 0
  for (let at = 0; at < values.length; at += blockValues) {
    const block = values.subarray(at, at + blockValues)
    const most = block.reduce((found, value) => Math.max(found, Math.abs(value)), 0)
    block.forEach((value, i) => { worst = Math.max(worst, Math.abs(value - decoded[at + i]!) / most) })
  }
  return worst
}

t.test('Q4_0 keeps multiples of its step and takes the largest magnitude to -8', async t => {
  const values = Float32Array.from({ length: 64 }, (_, i) => i < 32 ? (i % 16 - 8) * 0.5 : (8 - i % 16) * 0.25)
  t.same(roundTrip(types.q4_0, decodeQ4, values), [...values])
  const bytes = Buffer.from(types.q4_0.encode(values))
  t.equal(bytes.readUInt16LE(0), 0x3800, 'a scale of 0.5 as a half')
  t.equal(bytes.readUInt16LE(18), 0xb400, 'the largest is positive here, so the scale is negative')
  t.same([...bytes.subarray(2, 6)], [0x00, 0x11, 0x22, 0x33], 'value i beside value i + 16')
})

t.test('Q4_0 is within half a step, and within one where the range ends at 7', async t => {
  t.comment(`seed ${seed}`)
  const values = randomValues(32 * 200)
  const worst = worstError(values, roundTrip(types.q4_0, decodeQ4, values), 32)
  t.ok(worst > 0.5 / 8 && worst <= 1.01 / 8, `worst ${worst}`)
})

t.test('Q4_K and Q6_K are within their steps', async t => {
  t.comment(`seed ${seed}`)
  const values = randomValues(256 * 50)
  const four = worstError(values, roundTrip(types.q4_k, decodeQ4K, values), 256)
  // Half of 1/15 of a range that is twice the magnitude, and what 6 bits take from scale and minimum.
  t.ok(four > 0.03 && four < 1 / 15 + 2 / 63, `Q4_K: worst ${four}`)
  const six = worstError(values, roundTrip(types.q6_k, decodeQ6K, values), 256)
  t.ok(six > 0.008 && six < 0.5 / 31 + 1 / 127, `Q6_K: worst ${six}`)
})

t.test('each sub-block of a K-quant has a scale of its own', async t => {
  // Sub-block j has magnitude j + 1: with one scale for all, the small ones would be lost.
  const values = Float32Array.from({ length: 256 }, (_, i) => ((i >> 5) + 1) * (i % 2 === 0 ? -1 : 1) / 8)
  for (const [name, decode] of [['q4_k', decodeQ4K], ['q6_k', decodeQ6K]] as const) {
    const decoded = roundTrip(types[name], decode, values)
    values.forEach((value, i) => {
      if (Math.abs(value - decoded[i]!) > 0.07 * Math.abs(value)) t.fail(`${name}: value ${i} is ${decoded[i]}, not ${value}`)
    })
    t.ok(Math.abs(decoded[0]! + 1 / 8) < 0.01, name)
  }
})

t.test('a block of zeros stays zero', async t => {
  for (const [name, decode] of [['q4_0', decodeQ4], ['q4_k', decodeQ4K], ['q6_k', decodeQ6K]] as const) {
    t.ok(roundTrip(types[name], decode, new Float32Array(256)).every(value => Math.abs(value) === 0), name)
  }
})
