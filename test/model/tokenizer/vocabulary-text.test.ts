import t from 'tap'
import { parseTokenizerJson, tokenizerText } from '../../../src/model/tokenizer/tokenizer-json.js'
import { cutVocabulary, forEachPiece } from '../../../src/model/tokenizer/vocabulary-text.js'

/** Pieces that a careless scanner stumbles over. */
const vocab = { a: 0, '"': 1, '\\': 2, '{': 3, '}],': 4, 'é\n': 5, '\\"': 6, ':': 7, '': 8, ',1': 9, __proto__x: 10, '😀': 11 }
const merges = [['a', '"'], ['"', '\\'], ['}],', ':']]
const whole = {
  version: '1.0',
  added_tokens: [],
  note: 'not this: {"model": {"vocab": {"b": 1}}}',
  model: { type: 'BPE', dropout: null, vocab, merges, byte_fallback: false },
  normalizer: null
}

t.test('the vocabulary is cut out of a tokenizer.json, however it is laid out', async t => {
  for (const indent of [undefined, 2, '\t']) {
    const { rest, vocabulary } = cutVocabulary(JSON.stringify(whole, null, indent))!
    t.same(JSON.parse(rest), { ...whole, model: { ...whole.model, vocab: null, merges: null } })
    t.same(JSON.parse(vocabulary.vocab!), vocab)
    t.same(JSON.parse(vocabulary.merges!), merges)
  }
})

t.test('every piece comes with its id', async t => {
  for (const indent of [undefined, 2]) {
    const seen: Record<string, number> = {}
    forEachPiece(JSON.stringify(vocab, null, indent), (piece, id) => { seen[piece] = id })
    t.same(seen, vocab)
  }
  forEachPiece('{ }', () => { t.fail('there is none') })
})

t.test('a tokenizer.json is put together again', async t => {
  const { truncation, padding, pre_tokenizer, post_processor, decoder, ...same } =
    JSON.parse(tokenizerText(parseTokenizerJson(JSON.stringify(whole), 'x'))) as Record<string, unknown>
  t.same(same, whole)
  t.same([truncation, padding, pre_tokenizer, post_processor, decoder], [null, null, null, null, null])
})

t.test('what is written in an odd way is left to the JSON parser', async t => {
  for (const text of [
    '', '[]', '{"model": 1}', '{"other": {}}', '{"model": {}, "model": {}}', '{"model": {"vocab": {}, "vocab": {}}}',
    '{"mod\\u0065l": {"vocab": {}}}', '{"model": {"voc\\u0061b": {}}}', '{"model"', '{"model": {"vocab"', '{"model": {"vocab": {"a'
  ]) {
    const cut = cutVocabulary(text)
    if (cut !== undefined) t.throws(() => { JSON.parse(cut.rest) }, text)
  }
  const odd = '{"mod\\u0065l": {"type": "BPE", "vocab": {"a": 3}}}'
  t.equal(parseTokenizerJson(odd, 'x').vocabulary.vocab, '{"a":3}')
  t.throws(() => parseTokenizerJson('{"model": {"vocab": {"a": 1', 'tokenizer.json'), { code: 'ERR_TOKENIZER', message: /not valid JSON/ })
})

t.test('no beginning of a file makes the scanner go on for ever', async t => {
  const text = JSON.stringify(whole)
  for (let length = 0; length < text.length; length++) {
    cutVocabulary(text.slice(0, length))
    forEachPiece(text.slice(length), () => {})
  }
  t.pass('it ended')
})
