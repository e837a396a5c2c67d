import t from 'tap'
import { ByteStreamDecoder } from '../../../src/model/tokenizer/stream-decoder.js'
import { byteAlphabet, pieceDecoder, TokenBytes } from '../../../src/model/tokenizer/token-bytes.js'
import { parseTokenizerJson } from '../../../src/model/tokenizer/tokenizer-json.js'
import { seededRandom } from '../support/random.js'

/** Token id = byte. */
function tableOf (pieces: ReadonlyArray<Uint8Array | undefined>): TokenBytes {
  const table = new TokenBytes()
  pieces.forEach((piece, id) => { if (piece !== undefined) table.set(id, piece) })
  return table
}

const stream = (dropFirstSpace = false): ByteStreamDecoder => {
  const bytes = tableOf(Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)))
  return new ByteStreamDecoder({ bytesOf: id => bytes.of(id), textOf: id => bytes.textOf(id), isSkipped: id => id > 255, dropFirstSpace })
}

t.test('a character comes whole, with its last byte', async t => {
  const decoder = stream()
  t.same([...Buffer.from('a🙂é')].map(byte => decoder.push(byte)), ['a', '', '', '', '🙂', '', 'é'])
  t.equal(decoder.end(), '')
})

t.test('a stream that ends within a character gives one U+FFFD, and only at its end', async t => {
  const decoder = stream()
  t.same([0x61, 0xF0, 0x9F].map(byte => decoder.push(byte)), ['a', '', ''])
  t.equal(decoder.end(), '\uFFFD')
})

t.test('streamed pieces joined are the whole text, for random bytes as for random text', async t => {
  const [seed, random] = seededRandom()
  t.comment(`seed ${seed}`)
  for (let round = 0; round < 2000; round++) {
    const isText = round % 2 === 0
    const codes = Array.from({ length: 12 }, () => Math.floor(random() * (isText ? 0x10FFFF : 256)))
    const bytes = isText
      ? Buffer.from(codes.map(code => String.fromCodePoint(code >= 0xD800 && code < 0xE000 ? 65 : code)).join(''))
      : Buffer.from(codes)
    const decoder = stream()
    const pieces = [...bytes].map(byte => decoder.push(byte))
    if (isText && pieces.some(piece => piece.includes('\uFFFD'))) t.fail('half a character was sent', { bytes: [...bytes] })
    const text = pieces.join('') + decoder.end()
    if (text !== new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)) t.fail('texts differ', { bytes: [...bytes] })
  }
})

t.test('tokens of several bytes, cut anywhere, give the whole text too', async t => {
  const [seed, random] = seededRandom()
  t.comment(`seed ${seed}`)
  const below = (limit: number) => Math.floor(random() * limit)
  // Leads, continuations and what is next to them: characters, beginnings of characters, and errors of all kinds.
  const edges = [0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xDF, 0xE0, 0xE1, 0xED, 0xEF, 0xF0, 0xF1, 0xF4, 0xF5, 0xFF]
  for (let round = 0; round < 3000; round++) {
    const pieces = Array.from({ length: 8 }, () => Uint8Array.from({ length: below(6) }, () => edges[below(edges.length)]!))
    if (round % 2 === 0) pieces.splice(below(8), 0, new TextEncoder().encode('é🙂漢'.slice(below(2))))
    const table = tableOf(pieces)
    const decoder = new ByteStreamDecoder({ bytesOf: id => table.of(id), textOf: id => table.textOf(id), isSkipped: () => false, dropFirstSpace: false })
    const text = pieces.map((_, id) => decoder.push(id)).join('') + decoder.end()
    const whole = new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.concat(pieces))
    if (text !== whole) t.fail('texts differ', { pieces: pieces.map(piece => [...piece]), text, whole })
  }
})

t.test('a token has a text of its own when it is whole characters', async t => {
  const table = tableOf([...['ab', '', 'é'].map(text => new TextEncoder().encode(text)), Uint8Array.of(0x61, 0xC3), Uint8Array.of(0xA9), undefined])
  t.same([0, 1, 2, 3, 4, 5, 6].map(id => table.textOf(id)), ['ab', '', 'é', undefined, undefined, '', ''])
  t.equal(table.textOf(0), 'ab', 'again')
})

t.test('a byte-order mark is text', async t => {
  const decoder = stream()
  t.equal([0xEF, 0xBB, 0xBF, 0x61].map(byte => decoder.push(byte)).join('') + decoder.end(), '\uFEFFa')
})

t.test('only the first space of a text is dropped, and special tokens do not count as its start', async t => {
  const decoder = stream(true)
  t.same([999, 0x20, 0x20, 0x61, 0x20].map(id => decoder.push(id)), ['', '', ' ', 'a', ' '])
})

t.test('the byte alphabet has 256 characters, of which printable ones stand for themselves', async t => {
  t.equal(byteAlphabet.size, 256)
  t.equal(new Set(byteAlphabet.values()).size, 256)
  t.equal(byteAlphabet.get('A'), 0x41)
  t.equal(byteAlphabet.get('Ġ'), 0x20)
  t.equal(byteAlphabet.get('Ċ'), 0x0A)
  t.equal(byteAlphabet.get('ł'), 0xA0)
  t.equal(byteAlphabet.get('Ń'), 0xAD)
})

t.test('decoders give a token\'s bytes', async t => {
  const byteLevel = pieceDecoder({ type: 'ByteLevel' }, 'x')
  t.same([...byteLevel.bytesOf('Ġé')], [0x20, 0xE9])
  t.same([...byteLevel.bytesOf('漢')], [...Buffer.from('漢')], 'a piece outside of the alphabet stands for itself')
  const sentencePiece = pieceDecoder({
    type: 'Sequence',
    decoders: [{ type: 'Replace', pattern: { String: '▁' }, content: ' ' }, { type: 'ByteFallback' }, { type: 'Fuse' },
      { type: 'Strip', content: ' ', start: 1, stop: 0 }]
  }, 'x')
  t.same([...sentencePiece.bytesOf('<0xF0>')], [0xF0])
  t.same([...sentencePiece.bytesOf('▁a▁')], [0x20, 0x61, 0x20])
  t.ok(sentencePiece.dropsFirstSpace)
  t.notOk(pieceDecoder({ type: 'Metaspace', replacement: '▁', prepend_scheme: 'never' }, 'x').dropsFirstSpace)
  t.ok(pieceDecoder({ type: 'Metaspace', replacement: '▁', prepend_scheme: 'first' }, 'x').dropsFirstSpace)
})

t.test('a decoder that is not known is refused', async t => {
  for (const decoder of [null, { type: 'WordPiece' }, { type: 'Sequence', decoders: [{ type: 'BPEDecoder' }] },
    { type: 'Sequence', decoders: [{ type: 'ByteLevel' }, { type: 'ByteFallback' }] }]) {
    t.throws(() => pieceDecoder(decoder, 'tokenizer.json'), { code: 'ERR_TOKENIZER', message: /is not supported. Supported: ByteLevel/ })
  }
})

t.test('ids that are not in use have no bytes', async t => {
  const bytes = tableOf([Uint8Array.of(1, 2), undefined, Uint8Array.of(3)])
  t.equal(bytes.size, 3)
  t.same([0, 1, 2, 3, -1].map(id => [...bytes.of(id)]), [[1, 2], [], [3], [], []])
})

t.test('truncation and padding of a tokenizer.json are turned off', async t => {
  const json = parseTokenizerJson(JSON.stringify({ model: { type: 'BPE' }, truncation: { max_length: 8 }, padding: {} }), 'x')
  t.equal(json.truncation, null)
  t.equal(json.padding, null)
  t.throws(() => parseTokenizerJson('{}', 'tokenizer.json'), { code: 'ERR_TOKENIZER', message: /has no "model"/ })
  t.throws(() => parseTokenizerJson('{"model": {}, "added_tokens": [{}]}', 'x'), { message: /added_tokens must be/ })
})

t.test('only BPE without affixes is taken, and without the dropout of training', async t => {
  const parse = (model: object): unknown => parseTokenizerJson(JSON.stringify({ model }), 'tokenizer.json').model
  t.same(parse({ type: 'BPE', dropout: 0.1 }), { type: 'BPE', dropout: null })
  t.throws(() => parse({ type: 'Unigram' }), { code: 'ERR_TOKENIZER', message: /model.type is "Unigram".*Supported: BPE/ })
  t.throws(() => parse({ type: 'BPE', continuing_subword_prefix: '##' }), { message: /continuing_subword_prefix is "##"/ })
})
