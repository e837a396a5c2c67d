import t, { type Test } from 'tap'
import {
  computeCeiling, decodeBytesPerStep, decodeLimit, fairShare, kernelLevels, prefillFlopsPerToken, prefillLimit, readCeiling, type Ceilings
} from '../../../bench/cpu/limits.js'
import { costsOf, weightBytes } from '../../../bench/cpu/models.js'
import { engineOptions } from '../../../src/engine/options.js'

const rate = (name: string, gopsPerSec: number, threads = 2) => ({ name, threads, gopsPerSec })
const read = (gbPerSec: number, threads: number) => ({ threads, pages: '2M' as const, streams: 8, prefetchBytes: 0, gbPerSec })
const ceilings: Ceilings = {
  threads: 2,
  l2Bytes: 2 ** 21,
  l3Bytes: 2 ** 25,
  arithmetic: [
    rate('avx2_fma', 270), rate('avx2_maddubs', 500), rate('avx512_fma', 428), rate('avx512_bf16', 214), rate('avx512_fp16', 852),
    rate('avx512_vnni', 1708), rate('amx_bf16_registers', 6231), rate('amx_bf16_l2', 2361, 1), rate('amx_bf16_l2', 4700), rate('amx_int8_l2', 9400)
  ],
  reading: [read(16.7, 1), read(31, 2)]
}
const close = (t: Test, found: number, wanted: number, relative: number) => {
  t.ok(Math.abs(found / wanted - 1) < relative, `${found} is near ${wanted}`)
}

t.test('the ceiling is that of the best units that the weights and the switch allow', async t => {
  t.equal(computeCeiling(ceilings, 'float', 'auto'), 4700e9)
  t.equal(computeCeiling(ceilings, 'int8', 'auto'), 9400e9)
  t.equal(computeCeiling(ceilings, 'float', 'avx512'), 428e9)
  t.equal(computeCeiling(ceilings, 'int8', 'avx512'), 500e9)
  t.equal(computeCeiling(ceilings, 'int8', 'avx512-vnni'), 1708e9)
  t.equal(computeCeiling(ceilings, 'float', 'avx512-bf16'), 428e9)
  t.equal(computeCeiling(ceilings, 'float', 'amx'), 4700e9)
  t.equal(computeCeiling(ceilings, 'float', 'avx2'), 270e9)
  t.equal(computeCeiling(ceilings, 'int8', 'avx2'), 500e9)
  t.ok(Number.isNaN(computeCeiling(ceilings, 'int8', 'scalar')))
  t.equal(readCeiling(ceilings), 31e9)
})

t.test('the levels are those of the engine', async t => {
  t.same(engineOptions.kernels.enum, ['auto', ...kernelLevels])
})

t.test('a token costs what the shapes say', async t => {
  const qwen = costsOf('qwen3-0.6b')
  const llama = costsOf('llama-3.2-1b')
  // Matrices alone; the tied embedding makes the logits.
  t.equal(qwen.layerParams, 440_401_920)
  t.equal(qwen.params, 595_984_384)
  t.equal(llama.params, 1_235_746_816)
  t.equal(2 * qwen.kvValues, 114_688, 'bytes of KV a token, 16 bits each')
  t.equal(2 * llama.kvValues, 32_768)
  close(t, prefillFlopsPerToken(qwen, 512), 0.94e9, 0.003)
  close(t, prefillFlopsPerToken(llama, 512), 1.98e9, 0.005)
})

t.test('a step reads the bytes of each format', async t => {
  close(t, weightBytes('qwen3-0.6b', 'bf16'), 1192e6, 0.001)
  close(t, weightBytes('qwen3-0.6b', 'q8_0'), 633e6, 0.001)
  close(t, weightBytes('qwen3-0.6b', 'q4_0'), 376e6, 0.002)
  close(t, weightBytes('llama-3.2-1b', 'q4_0'), 763e6, 0.001)
  t.equal(weightBytes('qwen3-0.6b', { bitsPerWeight: 4 }), 595_984_384 / 2)
  t.equal(decodeBytesPerStep(1000, costsOf('qwen3-0.6b'), 2, 10), 1000 + 20 * 114_688)
  // Not tied: the embedding is not read whole.
  t.equal(weightBytes('llama-8b', 'bf16'), 2 * (8_030_261_248 - 128_256 * 4096 - 65 * 4096))
})

t.test('limits are the arithmetic of reading, then multiplying', async t => {
  const costs = costsOf('qwen3-0.6b')
  const machine = { read: readCeiling(ceilings), compute: computeCeiling(ceilings, 'float', 'auto') }
  close(t, prefillLimit(machine, costs, 512), 5000, 0.01)
  const bytes = weightBytes('qwen3-0.6b', 'bf16')
  close(t, decodeLimit(machine, costs, bytes, 1, 160), 26, 0.03)
  close(t, decodeLimit(machine, costs, bytes, 16, 160), 308, 0.01)
  close(t, decodeLimit(machine, costs, bytes, 32, 160), 488, 0.01)
})

t.test('a fair share is an equal part for each runnable thread, and no more than the neighbour wants', async t => {
  close(t, fairShare(2, 2, 1), 2 / 3, 1e-9)
  close(t, fairShare(2, 2, 0.2), 0.9, 1e-9)
  t.equal(fairShare(4, 2, 1), 1, 'there are cores left over')
  close(t, fairShare(2, 1, 1), 1, 1e-9)
  close(t, fairShare(1, 1, 1), 0.5, 1e-9)
})
