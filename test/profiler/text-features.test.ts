import t from 'tap'
import { maxFeatures, numFeatures, TextFeatures, type LengthRequest } from '../../src/profiler/text-features.js'
import { Random, testSeed } from '../support/random.js'

const reader = new TextFeatures()

function featuresOf (text: string, rest: Partial<LengthRequest> = {}): number[] {
  reader.read({ text, promptTokens: 10, ...rest })
  return [...reader.indices.subarray(0, reader.length)]
}

function wordsOf (text: string): number[] {
  return featuresOf(text).slice(reader.numOthers)
}

t.test('words are told apart by letters and digits, not by case, spaces or signs', async t => {
  t.same(wordsOf('Write  a POEM, please!'), wordsOf('write a poem please'))
  t.not(wordsOf('write a poem').join(), wordsOf('write a story').join())
  t.equal(wordsOf('one two three').length, 3)
})

t.test('a word that comes twice is one feature', async t => {
  t.equal(wordsOf('yes yes yes no').length, 2)
})

t.test('characters of scripts without spaces are words of their own', async t => {
  t.equal(wordsOf('東京 is 大きい').length, 6)
  t.ok(wordsOf('東京').every(word => wordsOf('abc東京abc').includes(word)))
  t.ok(wordsOf('abc東京abc').includes(wordsOf('abc')[0]!))
})

t.test('the limit, the system prompt and the previous answer are features', async t => {
  const plain = featuresOf('hello there')
  for (const rest of [{ maxTokens: 5 }, { systemPrompt: 'Be brief.' }, { previousTokens: 300 }, { promptTokens: 4000 }]) {
    t.not(featuresOf('hello there', rest).join(), plain.join(), JSON.stringify(rest))
  }
  t.not(featuresOf('hello', { systemPrompt: 'Be brief.' }).join(), featuresOf('hello', { systemPrompt: 'Be long.' }).join())
})

t.test('no text, and text without words, have no features', async t => {
  for (const text of ['', '   \n', '?!']) t.same(featuresOf(text, { maxTokens: 7 }), [], JSON.stringify(text))
  t.equal(featuresOf('', { previousTokens: 3 }).length, 1, 'the answer before says something without a text too')
})

t.test('of a text of 1 MB only the first and the last 2 kB count', async t => {
  const middle = 'irrelevant '.repeat(100_000)
  const head = 'alpha '.repeat(400)
  const tail = ' omega'.repeat(400)
  t.same(featuresOf(head + middle + tail), featuresOf(head + middle.toUpperCase().replaceAll('IRRELEVANT', 'OTHERTHING') + tail))
  t.not(featuresOf(head + middle + tail).join(), featuresOf(head + middle + tail.replaceAll('omega', 'delta')).join())
})

t.test('half of a surrogate pair reads as the replacement character', async t => {
  t.same(wordsOf('ab\ud800cd'), wordsOf('ab\ufffdcd'))
  t.same(wordsOf('ab\udc00'), wordsOf('ab\ufffd'))
  t.not(wordsOf('ab😀cd').join(), wordsOf('ab\ufffd\ufffdcd').join())
})

t.test('any sequence of code units gives features in range, and no more than there is room for', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  for (let round = 0; round < 200; round++) {
    const units = Array.from({ length: random.integer(0, 6000) }, () => random.chance(0.3) ? 32 : random.integer(0, 65535))
    const features = featuresOf(units.map(unit => String.fromCharCode(unit)).join(''), { systemPrompt: 'x', previousTokens: 0 })
    if (features.length > maxFeatures) t.fail(`${features.length} features`)
    if (features.some(feature => feature >= numFeatures)) t.fail('a feature beyond the last')
    if (!(reader.wordWeight > 0 && reader.wordWeight <= 1)) t.fail(`word weight ${reader.wordWeight}`)
  }
})
