import t from 'tap'
import { ggufReader } from '../../../src/model/gguf-metadata.js'
import { tokenizerJsonFromGguf, tokenizerSettingsFromGguf } from '../../../src/model/tokenizer/gguf-vocabulary.js'
import { loadTokenizer } from '../../../src/model/tokenizer/hf-tokenizer.js'
import { sentencePieceMerges } from '../../../src/model/tokenizer/sentencepiece-merges.js'
import { byteAlphabet } from '../../../src/model/tokenizer/token-bytes.js'
import type { Tokenizer } from '../../../src/model/tokenizer/tokenizer.js'
import type { MetadataValue } from '../../../src/native/binding.js'

type Metadata = Record<string, MetadataValue>

const bytes = [...byteAlphabet.keys()]

/** A byte-level vocabulary with one merge, a control token, a user-defined one and an unused one. */
function byteLevel (changes: Metadata = {}): Metadata {
  const tokens = [...bytes, 'ab', '<|end|>', '<note>', '[PAD]']
  return {
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': 'gpt-2',
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.token_type': Int32Array.from(tokens, (_, id) => [1, 3, 4, 5][Math.max(0, id - 256)]!),
    'tokenizer.ggml.merges': ['a b'],
    'tokenizer.ggml.eos_token_id': 257,
    ...changes
  }
}

async function load (metadata: Metadata): Promise<Tokenizer> {
  const reader = ggufReader(metadata, 'm.gguf')
  return await loadTokenizer(tokenizerJsonFromGguf(reader), tokenizerSettingsFromGguf(reader), 'm.gguf')
}

t.test('types of tokens decide what is special, what is matched and what is not there', async t => {
  const tokenizer = await load(byteLevel())
  const id = (character: string): number => bytes.indexOf(character)
  t.same([...await tokenizer.encode('xab')], [id('x'), 256])
  t.same([...await tokenizer.encodeWithSpecials('<|end|><note>')], [257, 258])
  t.equal((await tokenizer.encode('<|end|>')).length, 7, 'plain text has no special tokens')
  t.equal((await tokenizer.encodeWithSpecials('[PAD]')).length, 5, 'an unused token is not matched')
  t.ok(tokenizer.isSpecial(257))
  t.notOk(tokenizer.isSpecial(258))
  t.equal(tokenizer.decode([256, 257, 258]), 'ab<note>')
  t.equal(tokenizer.decode([256, 257], { keepSpecials: true }), 'ab<|end|>')
  t.same([...tokenizer.tokenBytes(bytes.indexOf('Ġ'))], [0x20])
  t.equal(tokenizer.tokenBytes(9999).length, 0)
})

t.test('BOS surrounds a text when the file says so, and for Llama 3 by default', async t => {
  const bos = { 'tokenizer.ggml.bos_token_id': 257 }
  t.same((await load(byteLevel(bos))).prefixIds, [])
  t.same((await load(byteLevel({ ...bos, 'tokenizer.ggml.add_bos_token': true }))).prefixIds, [257])
  t.same((await load(byteLevel({ ...bos, 'tokenizer.ggml.pre': 'llama-bpe' }))).prefixIds, [257])
  t.same((await load(byteLevel({ ...bos, 'tokenizer.ggml.add_eos_token': true }))).suffixIds, [257])
})

t.test('each known way to cut words gives its own pieces', async t => {
  const digits = async (pre: string): Promise<number> => {
    const tokens = [...bytes, '12', '123', '1234']
    const tokenizer = await load({
      ...byteLevel(), 'tokenizer.ggml.pre': pre, 'tokenizer.ggml.tokens': tokens,
      'tokenizer.ggml.token_type': new Int32Array(tokens.length).fill(1), 'tokenizer.ggml.merges': ['1 2', '12 3', '123 4']
    })
    return (await tokenizer.encode('1234')).length
  }
  t.equal(await digits('gpt-2'), 1, 'numbers are one word')
  t.equal(await digits('llama-bpe'), 2, 'up to three digits')
  for (const pre of ['qwen2', 'tekken', 'smollm']) t.equal(await digits(pre), 4, `${pre}: single digits`)
})

t.test('what is not supported or broken is named', async t => {
  for (const [changes, message] of [
    [{ 'tokenizer.ggml.model': 't5' }, /tokenizer.ggml.model is "t5".*Supported: gpt2 .* llama/],
    [{ 'tokenizer.ggml.pre': 'my-bpe' }, /tokenizer.ggml.pre is "my-bpe".*Supported: gpt-2, llama-bpe/],
    [{ 'tokenizer.ggml.tokens': [] }, /tokenizer.ggml.tokens is/],
    [{ 'tokenizer.ggml.token_type': new Int32Array(3) }, /an array of 260 integers/],
    [{ 'tokenizer.ggml.merges': ['ab'] }, /the merge "ab" is not two pieces/],
    [{ 'tokenizer.ggml.merges': ['a missing'] }, /m.gguf cannot be used/]
  ] as const) {
    await t.rejects(load(byteLevel(changes as Metadata)), { message })
  }
  const { 'tokenizer.ggml.pre': _, ...without } = byteLevel()
  await t.rejects(load(without), { message: /tokenizer.ggml.pre is "missing"/ })
})

t.test('a SentencePiece vocabulary that rewrites text is refused', async t => {
  const sentencePiece: Metadata = {
    'tokenizer.ggml.model': 'llama', 'tokenizer.ggml.tokens': ['<unk>', '▁', 'a', '▁a'],
    'tokenizer.ggml.token_type': Int32Array.of(2, 1, 1, 1), 'tokenizer.ggml.scores': Float32Array.of(0, -2, -3, -1)
  }
  t.same([...await (await load(sentencePiece)).encode('a a')], [3, 3])
  t.same([...await (await load({ ...sentencePiece, 'tokenizer.ggml.add_space_prefix': false })).encode('a a')], [2, 3])
  await t.rejects(load({ ...sentencePiece, 'tokenizer.ggml.remove_extra_whitespaces': true }), { message: /remove_extra_whitespaces is true/ })
  await t.rejects(load({ ...sentencePiece, 'tokenizer.ggml.precompiled_charsmap': [1, 2] }), { message: /precompiled_charsmap/ })
  await t.rejects(load({ ...sentencePiece, 'tokenizer.ggml.scores': Float32Array.of(1) }), { message: /an array of 4 numbers/ })
})

t.test('merges come in the order of the scores, and lead to no special token', async t => {
  const tokens = ['<s>', '<', 's', '>', '<s', 's>', 'ss', 'sss']
  const scores = [0, -9, -9, -9, -3, -2, -1, -1]
  t.same(sentencePieceMerges(tokens, scores, id => id !== 0),
    [['s', 's'], ['s', 'ss'], ['ss', 's'], ['s', '>'], ['<', 's']])
})
