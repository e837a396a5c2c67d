import t from 'tap'
import { quantizationText, quantizedBytes } from '../../src/engine/quantization.js'
import type { WeightInfo } from '../../src/model/load-description.js'

const weight = (role: WeightInfo['role'], shape: number[], dtype = 'BF16'): WeightInfo => {
  const bytes = shape.reduce((product, size) => product * size, 2)
  return { name: role, role, shape, dtype, bytes, file: 'model.safetensors' }
}

const weights = [weight('embedding', [1000, 96]), weight('q', [64, 96]), weight('down', [96, 160]), weight('inputNorm', [96])]

t.test('quantised weights are counted with their scales; vectors and whole-number weights as they are', async t => {
  const embedding = 1000 * 96 + 1000 * 4
  const norm = 192
  t.equal(quantizedBytes(weights, { quantize: 'none', quantizeGroup: 32 }), weights.reduce((sum, { bytes }) => sum + bytes, 0))
  t.equal(quantizedBytes(weights, { quantize: 'int8', quantizeGroup: 32 }), embedding + 64 * 100 + 96 * 164 + norm)
  t.equal(quantizedBytes(weights, { quantize: 'int4', quantizeGroup: 32 }), embedding + 64 * (48 + 6) + 96 * (80 + 10) + norm)
  const q8 = weight('k', [64, 96], 'Q8_0')
  t.equal(quantizedBytes([...weights, q8], { quantize: 'int4', quantizeGroup: 32 }) - quantizedBytes(weights, { quantize: 'int4', quantizeGroup: 32 }), q8.bytes)
})

t.test('rows that are no multiple of the group become int8', async t => {
  t.equal(quantizedBytes([weight('down', [8, 160])], { quantize: 'int4', quantizeGroup: 64 }), 8 * 160 + 8 * 4)
})

t.test('a model that is quantised already is refused, and a mixture is not', async t => {
  const blocks = [weight('q', [64, 256], 'Q4_K'), weight('v', [64, 256], 'Q6_K'), weight('inputNorm', [256], 'F32')]
  t.throws(() => quantizedBytes(blocks, { quantize: 'int8', quantizeGroup: 32 }), {
    code: 'ERR_INVALID_OPTION', message: /quantize is int8, but the model's matrices are already quantised \(Q4_K, Q6_K\)\. Leave out --quantize/
  })
  t.doesNotThrow(() => quantizedBytes([...blocks, weight('k', [64, 256])], { quantize: 'int8', quantizeGroup: 32 }))
  t.doesNotThrow(() => quantizedBytes(blocks, { quantize: 'none', quantizeGroup: 32 }))
})

t.test('the start-up summary names the quantisation', async t => {
  t.equal(quantizationText({ quantize: 'none', quantizeGroup: 32 }), undefined)
  t.equal(quantizationText({ quantize: 'int8', quantizeGroup: 32 }), 'int8 per channel')
  t.equal(quantizationText({ quantize: 'int4', quantizeGroup: 64 }), 'int4 in groups of 64')
})
