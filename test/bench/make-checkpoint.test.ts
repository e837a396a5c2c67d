import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { Tokenizer } from 'tokenizers'
import { decodeQ4, decodeQ4K, decodeQ6K } from './decode-blocks.js'
import { readGguf, readSafetensors, type Weights } from './read-weights.js'

const script = fileURLToPath(new URL('../../bench/make-checkpoint.mjs', import.meta.url))
const part = (name: string): Promise<unknown> => import(new URL(`../../bench/checkpoint/${name}.mjs`, import.meta.url).href)

function run (...flags: string[]) {
  return spawnSync(process.execPath, [script, ...flags], { encoding: 'utf8' })
}

function make (out: string, ...flags: string[]): string {
  const { status, stdout, stderr } = run('--out', out, ...flags)
  if (status !== 0) throw new Error(stderr)
  return stdout.trim()
}

function readJson<T> (path: string): T {
  return JSON.parse(readFileSync(path, 'utf8')) as T
}

function bytesOf (weights: Weights, name: string): Buffer {
  const found = weights.get(name)
  if (found === undefined) throw new Error(`no tensor is called ${name}`)
  return found.bytes
}

t.test('safetensors and GGUF of one seed hold the same weights', async t => {
  const dir = t.testdir()
  const plain = readSafetensors(make(dir, '--shape', 'tiny', '--dtype', 'f32'))
  const { weights } = readGguf(make(dir, '--shape', 'tiny', '--dtype', 'f32', '--format', 'gguf'))
  const names = [
    ['model.embed_tokens', 'token_embd'], ['model.norm', 'output_norm'], ['model.layers.1.mlp.down_proj', 'blk.1.ffn_down'],
    ['model.layers.1.self_attn.q_proj', 'blk.1.attn_q'], ['model.layers.0.self_attn.k_norm', 'blk.0.attn_k_norm']
  ]
  for (const [name, ggufName] of names) {
    t.ok(bytesOf(plain, `${name}.weight`).equals(bytesOf(weights, `${ggufName}.weight`)), `${name}`)
  }
  t.equal(plain.size, weights.size)
  t.same(plain.get('model.layers.0.mlp.up_proj.weight')?.shape, [160, 64])
  t.same(weights.get('blk.0.ffn_up.weight')?.shape, [64, 160], 'GGUF lists dimensions from the inside out')
})

t.test('a llama GGUF has its query and key rows in the order of rotated neighbours', async t => {
  const dir = t.testdir()
  const plain = readSafetensors(make(dir, '--shape', 'tiny-llama', '--dtype', 'f32'))
  const { weights } = readGguf(make(dir, '--shape', 'tiny-llama', '--dtype', 'f32', '--format', 'gguf'))
  const rowBytes = 64 * 4
  const row = (bytes: Buffer, i: number) => bytes.subarray(i * rowBytes, (i + 1) * rowBytes)
  for (const [name, ggufName] of [['q', 'attn_q'], ['k', 'attn_k']]) {
    const from = bytesOf(plain, `model.layers.1.self_attn.${name}_proj.weight`)
    const to = bytesOf(weights, `blk.1.${ggufName}.weight`)
    // Head 1 of 16 rows: rows 16 and 24 form the first pair.
    for (const [there, here] of [[16, 16], [17, 24], [18, 17]] as const) {
      t.ok(row(to, there).equals(row(from, here)), `${name}: row ${there}`)
    }
  }
  t.ok(bytesOf(plain, 'model.layers.1.self_attn.v_proj.weight').equals(bytesOf(weights, 'blk.1.attn_v.weight')), 'values stay')
  t.same(weights.get('rope_freqs.weight')?.shape, [8])
})

t.test('Q8_0 blocks decode to within half a step of the F32 weights', async t => {
  const dir = t.testdir()
  const f32 = readGguf(make(dir, '--shape', 'tiny', '--dtype', 'f32', '--format', 'gguf'))
  const exact = bytesOf(f32.weights, 'blk.0.ffn_up.weight')
  const { weights } = readGguf(make(dir, '--shape', 'tiny', '--dtype', 'q8_0', '--format', 'gguf'))
  const blocks = bytesOf(weights, 'blk.0.ffn_up.weight')
  let worst = 0
  for (let i = 0; i < exact.length / 4; i++) {
    const block = Math.floor(i / 32) * 34
    const half = blocks.readUInt16LE(block)
    const scale = 2 ** ((half >> 10) - 15) * (1 + (half & 1023) / 1024) // normal here: sigma 0.02 keeps it above 2^-14
    worst = Math.max(worst, Math.abs(exact.readFloatLE(i * 4) - scale * blocks.readInt8(block + 2 + i % 32)) / scale)
  }
  // 127 steps, and the scale itself is rounded to a half (relative 2^-11).
  t.ok(worst > 0.4 && worst <= 0.5 + 127 * 2 ** -11, `worst ${worst} steps`)
  t.equal(weights.get('blk.0.attn_norm.weight')?.type, 0, 'norms stay F32')
})

t.test('a mixture keeps the matrix of the logits in six bits, and every weight near its F32 value', async t => {
  const dir = t.testdir()
  const exact = readGguf(make(dir, '--shape', 'tiny-k', '--dtype', 'f32', '--format', 'gguf')).weights
  const [q4, q6, q4k] = [2, 14, 12]
  const cases = [
    ['q4_0', { token_embd: q6, 'blk.0.attn_v': q4, 'blk.0.ffn_up': q4 }],
    // 9 layers: an eighth is 1; 0, 7 and 8 are at the ends, 3 and 6 are every third one.
    ['q4_k_m', {
      token_embd: q6, 'blk.0.attn_v': q6, 'blk.1.attn_v': q4k, 'blk.2.ffn_down': q4k, 'blk.3.ffn_down': q6, 'blk.6.attn_v': q6,
      'blk.7.ffn_down': q6, 'blk.8.ffn_down': q6, 'blk.8.ffn_up': q4k
    }]
  ] as const
  const decoders = { [q4]: decodeQ4, [q6]: decodeQ6K, [q4k]: decodeQ4K }
  for (const [dtype, expected] of cases) {
    const { weights } = readGguf(make(dir, '--shape', 'tiny-k', '--dtype', dtype, '--format', 'gguf'))
    for (const [name, type] of Object.entries(expected)) t.equal(weights.get(`${name}.weight`)?.type, type, `${dtype}: ${name}`)
    for (const name of ['token_embd.weight', 'blk.3.attn_q.weight']) {
      const { type, bytes } = weights.get(name)!
      const decode = decoders[type as number]!
      const first = decode(bytes)
      const meant = first.map((_, i) => bytesOf(exact, name).readFloatLE(i * 4))
      const error = Math.sqrt(first.reduce((sum, value, i) => sum + (value - meant[i]!) ** 2, 0) / first.length)
      t.ok(error < 0.02 * (type === q6 ? 0.04 : 0.13), `${dtype}: ${name} is off by ${error} with sigma 0.02`)
    }
  }
})

t.test('a seed names the weights', async t => {
  const dir = t.testdir({ a: {}, b: {}, c: {} })
  const [a, b, c] = [['a', '7'], ['b', '7'], ['c', '8']].map(([name, seed]) =>
    readFileSync(make(join(dir, `${name}`), '--shape', 'tiny', '--seed', `${seed}`)))
  t.ok(a?.equals(b as Buffer), 'the same seed gives the same file')
  t.notOk(a?.equals(c as Buffer), 'another seed gives another')
})

t.test('the tokenizer loads, has every entry and gives text back', async t => {
  const dir = t.testdir()
  for (const [shape, size, special] of [['tiny', 509, '<|im_end|>'], ['tiny-llama', 768, '<|eot_id|>']] as const) {
    make(dir, '--shape', shape)
    const tokenizer = Tokenizer.fromFile(join(dir, 'tokenizer.json'))
    t.equal(tokenizer.getVocabSize(), size)
    const text = 'Hello there, wörld 123 😀\n'
    const ids = (await tokenizer.encode(text, null, { addSpecialTokens: false })).getIds()
    t.equal(await tokenizer.decode(ids, false), text)
    t.ok(ids.length < Buffer.byteLength(text), 'some letters merge')
    t.same((await tokenizer.encode(special, null, { addSpecialTokens: false })).getIds(), [tokenizer.tokenToId(special)])
    const generation = readJson<{ eos_token_id: number[] }>(join(dir, 'generation_config.json'))
    t.equal(generation.eos_token_id[0], tokenizer.tokenToId(special))
    t.equal(readJson<{ eos_token: string }>(join(dir, 'tokenizer_config.json')).eos_token, special)
  }
})

t.test('the GGUF carries the same vocabulary, padded to the embedding', async t => {
  const dir = t.testdir()
  const { metadata } = readGguf(make(dir, '--shape', 'tiny', '--format', 'gguf', '--dtype', 'q8_0'))
  make(dir, '--shape', 'tiny')
  const { model, added_tokens: added } = readJson<{
    model: { vocab: Record<string, number>, merges: string[] }, added_tokens: { content: string }[]
  }>(join(dir, 'tokenizer.json'))
  const tokens = Object.entries(model.vocab).sort(([, a], [, b]) => a - b).map(([token]) => token)
  const addedTokens = added.map(token => token.content)
  t.same(metadata.get('tokenizer.ggml.tokens'), [...tokens, ...addedTokens, '[PAD509]', '[PAD510]', '[PAD511]'])
  t.same(metadata.get('tokenizer.ggml.merges'), model.merges)
})

t.test('the real shapes have the real numbers of weights', async t => {
  const { shapes, weightsOf } = await part('shapes') as
    { shapes: Record<string, object>, weightsOf: (shape: unknown) => { rows: number, cols: number }[] }
  const counts = Object.entries(shapes).map(([name, shape]) =>
    [name, weightsOf(shape).reduce((sum, { rows, cols }) => sum + rows * cols, 0)])
  // As the model cards of Qwen3-0.6B, Llama-3.2-1B, Qwen3-4B and Llama-3.1-8B count them.
  t.match(Object.fromEntries(counts), {
    'qwen3-0.6b': 596_049_920, 'llama-3.2-1b': 1_235_814_400, 'qwen3-4b': 4_022_468_096, 'llama-8b': 8_030_261_248
  })
})

t.test('a checkpoint beyond 5 GB is cut into shards with an index', async t => {
  const { shapes, weightsOf } = await part('shapes') as
    { shapes: Record<string, object>, weightsOf: (shape: unknown) => { name: string, rows: number, cols: number }[] }
  const { planSafetensors } = await part('safetensors') as { planSafetensors: (items: object[], dtype: string) => {
    files: { file: string, items: { bytes: number }[] }[]
    index: { metadata: { total_size: number }, weight_map: Record<string, string> }
  } }
  const weights = weightsOf(shapes['llama-8b'])
  const { files, index } = planSafetensors(weights.map(weight => ({ weight, bytes: 2 * weight.rows * weight.cols })), 'BF16')
  t.same(files.map(({ file }) => file), [1, 2, 3, 4].map(i => `model-0000${i}-of-00004.safetensors`))
  for (const { file, items } of files) {
    t.ok(items.reduce((sum, { bytes }) => sum + bytes, 0) <= 5e9, `${file} is at most 5 GB`)
  }
  t.equal(index.metadata.total_size, 2 * 8_030_261_248)
  t.same(Object.keys(index.weight_map).sort(), weights.map(({ name }) => name).sort())
})

t.test('a wrong flag stops with what is allowed', async t => {
  const dir = t.testdir()
  const cases: [string[], RegExp][] = [
    [['--shape', 'huge', '--out', dir], /--shape must be one of qwen3-0\.6b.*got huge/],
    [['--shape', 'tiny', '--out', dir, '--dtype', 'q8_0'], /--dtype must be one of f32, f16, bf16; got q8_0/],
    [['--shape', 'tiny', '--out', dir, '--dtype', 'q4_k', '--format', 'gguf'], /blocks of 256 values; model\.embed_tokens\.weight has rows of 64/],
    [['--shape', 'tiny'], /--out is missing/],
    [['--shape', 'tiny', '--out', dir, '--seed', '1.5'], /--seed must be a whole number/],
    [['--shpae', 'tiny'], /Unknown option '--shpae'/]
  ]
  for (const [flags, message] of cases) {
    const { status, stderr } = run(...flags)
    t.equal(status, 1)
    t.match(stderr, message)
  }
})
