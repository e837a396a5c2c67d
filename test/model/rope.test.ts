import { readFile } from 'node:fs/promises'
import t from 'tap'
import { ConfigReader } from '../../src/model/hf-config.js'
import { ropeFromConfig, ropeFromGguf } from '../../src/model/rope-config.js'
import { plainFrequencies } from '../../src/model/rope.js'

interface Reference {
  name: string
  config: Record<string, unknown> & { hidden_size: number, num_attention_heads: number, head_dim?: number }
  magnitude: number
  inverseFrequencies: number[]
}

// Made by references/make_rope.py.
const references = JSON.parse(
  await readFile(new URL('./references/rope.json', import.meta.url), 'utf8')) as Reference[]

/** Both sides compute in float32; powers and blends may differ by four units in the last place. */
const tolerance = 4 * 2 ** -23

for (const { name, config, magnitude, inverseFrequencies } of references) {
  t.test(`${name}: frequencies and magnitude are those of transformers`, async t => {
    const headDim = config.head_dim ?? config.hidden_size / config.num_attention_heads
    const { rope } = ropeFromConfig(new ConfigReader(config, 'config.json'), headDim)
    t.equal(rope.inverseFrequencies.length, inverseFrequencies.length)
    const errors = rope.inverseFrequencies.map((frequency, i) => Math.abs(frequency / inverseFrequencies[i]! - 1))
    t.ok(Math.max(...errors) <= tolerance, `largest relative difference ${Math.max(...errors)}`)
    t.ok(Math.abs(rope.magnitude - magnitude) < 1e-12, `magnitude ${rope.magnitude}, expected ${magnitude}`)
    t.equal(rope.form, 'halves')
  })
}

const base = { max_position_embeddings: 100, rope_theta: 10_000 }
const read = (fields: object, headDim = 8): ReturnType<typeof ropeFromConfig> =>
  ropeFromConfig(new ConfigReader({ ...base, ...fields }, 'config.json'), headDim)

t.test('rope_parameters and rope_scaling say the same', async t => {
  const scaling = { rope_type: 'linear', factor: 3 }
  t.same(read({ rope_parameters: { ...scaling, rope_theta: 10_000 } }), read({ rope_scaling: scaling }))
  t.same(read({ rope_scaling: { type: 'linear', factor: 3 } }), read({ rope_scaling: scaling }))
})

t.test('the context counts the scaling, except that llama3 states it already', async t => {
  t.equal(read({}).maxPositions, 100)
  t.equal(read({ rope_scaling: { type: 'linear', factor: 2.5 } }).maxPositions, 250)
  t.equal(read({ rope_scaling: { type: 'yarn', factor: 4, original_max_position_embeddings: 100 } }).maxPositions, 400)
  t.equal(read({ rope_scaling: { type: 'yarn', factor: 4, original_max_position_embeddings: 25 } }).maxPositions, 100)
  t.equal(read({
    rope_scaling: { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 10 }
  }).maxPositions, 100)
})

t.test('a partial rotation covers the first dimensions only', async t => {
  const { rope } = read({ partial_rotary_factor: 0.5 })
  t.same(rope.inverseFrequencies, Array.from(plainFrequencies({ theta: 10_000, rotaryDim: 4 })))
  t.throws(() => read({ partial_rotary_factor: 0.3 }, 10), { message: /partial_rotary_factor is 0.3/ })
})

t.test('kinds of scaling that are not implemented are refused by name', async t => {
  for (const type of ['dynamic', 'longrope', 'mrope']) {
    t.throws(() => read({ rope_scaling: { rope_type: type, factor: 2 } }), {
      code: 'ERR_MODEL_UNSUPPORTED', message: new RegExp(`rope_scaling.rope_type is "${type}".*Supported: default, linear, llama3, yarn`)
    })
  }
  t.throws(() => read({ rope_scaling: { rope_type: 'linear' } }), {
    code: 'ERR_MODEL_FILES', message: /rope_scaling.factor is missing/
  })
})

t.test('GGUF factors divide the frequencies, and must be as many', async t => {
  const metadata = new ConfigReader({ 'llama.context_length': 100, 'llama.rope.freq_base': 10_000 }, 'm.gguf')
  const plain = plainFrequencies({ theta: 10_000, rotaryDim: 4 })
  const { rope } = ropeFromGguf(metadata, 'llama', 4, Float32Array.of(1, 8))
  t.same(rope.inverseFrequencies, [plain[0], Math.fround(plain[1]! / 8)])
  t.throws(() => ropeFromGguf(metadata, 'llama', 4, Float32Array.of(1)), { message: /rope_freqs.weight must hold 2 numbers/ })
  t.throws(() => ropeFromGguf(metadata, 'llama', 4, Float32Array.of(1, 0)), { code: 'ERR_MODEL_FILES' })
})

t.test('GGUF key-values scale as config.json does', async t => {
  const gguf = (scaling: object): unknown => ropeFromGguf(new ConfigReader({
    'qwen2.context_length': 100, 'qwen2.rope.freq_base': 10_000, ...scaling
  }, 'm.gguf'), 'qwen2', 8, undefined)
  t.same(gguf({}), read({}))
  t.same(gguf({ 'qwen2.rope.scaling.type': 'linear', 'qwen2.rope.scaling.factor': 2 }), read({ rope_scaling: { type: 'linear', factor: 2 } }))
  t.same(gguf({
    'qwen2.rope.scaling.type': 'yarn', 'qwen2.rope.scaling.factor': 4, 'qwen2.rope.scaling.original_context_length': 25
  }), read({ rope_scaling: { type: 'yarn', factor: 4, original_max_position_embeddings: 25 } }))
  t.throws(() => gguf({ 'qwen2.rope.scaling.type': 'longrope' }), { message: /qwen2.rope.scaling.type is "longrope"/ })
})
