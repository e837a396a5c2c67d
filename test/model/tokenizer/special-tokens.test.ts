import { readFile } from 'node:fs/promises'
import t from 'tap'
import { loadTokenizer } from '../../../src/model/tokenizer/hf-tokenizer.js'
import { chooseGuard, Guarder, specialTokens, splitRendered } from '../../../src/model/tokenizer/special-tokens.js'
import { parseTokenizerJson, type TokenizerJson } from '../../../src/model/tokenizer/tokenizer-json.js'
import type { Tokenizer } from '../../../src/model/tokenizer/tokenizer.js'
import { fixtures } from '../support/model-files.js'
import { seededRandom } from '../support/random.js'

const guard = '\uFDD0'

async function fixtureJson (name: string, file = 'tokenizer.json'): Promise<TokenizerJson> {
  return parseTokenizerJson(await readFile(`${fixtures}tokenizers/${name}/${file}`, 'utf8'), file)
}

const load = async (json: TokenizerJson): Promise<Tokenizer> => await loadTokenizer(json, {}, 'tokenizer.json')

t.test('a look-alike is guarded after its first character, also where look-alikes overlap', async t => {
  const guarder = new Guarder(['<s>', 'ab', 'bc', '😀x'])
  t.equal(guarder.guard('1 <s> 2', guard), `1 <${guard}s> 2`)
  t.equal(guarder.guard('abc', guard), `a${guard}b${guard}c`)
  t.equal(guarder.guard('😀x', guard), `😀${guard}x`, 'a surrogate pair stays whole')
  t.equal(guarder.guard('a b c', guard), 'a b c')
})

t.test('a token\'s beginning at the end of a text is guarded, for a template may go on with the rest', async t => {
  const guarder = new Guarder(['<|end|>', '<|endoftext|>'])
  t.equal(guarder.guard('so <|end', guard), `so <${guard}|end`)
  t.equal(guarder.guard('so <', guard), `so <${guard}`)
  t.equal(guarder.guard('so < ', guard), 'so < ')
})

t.test('guards come out again, and split tokens that are meant from those that are not', async t => {
  const text = `<s>a <${guard}s> b</s>`
  t.same(splitRendered({ text, guard }, ['<s>', '</s>']), [
    { kind: 'token', token: '<s>' }, { kind: 'text', text: 'a <s> b', isGuarded: true }, { kind: 'token', token: '</s>' }
  ])
  t.same(splitRendered({ text: `X${guard}X`, guard }, ['X']), [
    { kind: 'text', text: 'X', isGuarded: true }, { kind: 'token', token: 'X' }
  ], 'a token of one character is guarded behind it')
})

t.test('the guard occurs in none of the texts', async t => {
  t.equal(chooseGuard(['a', 'b']), '\uFDD0')
  t.equal(chooseGuard(['\uFDD0', '\uFDD2\uFDD1']), '\uFDD3')
  const all = Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code)).join('')
  t.equal(chooseGuard([all]), undefined)
  t.equal(chooseGuard(['\uFDD0', 'a \\ufdd1 \\uFDD2 \\ufdd', '\\']), '\uFDD3', 'nor do their JSON escapes')
})

t.test('texts that use up every guard are read once, not once for each', t => {
  const candidates = Array.from({ length: 0xF900 - 0xE000 }, (_, i) => String.fromCharCode(0xE000 + i)).join('')
  const text = `${'a'.repeat(8 * 2 ** 20)}\uFDD0\uFDD1${candidates}`
  const before = process.cpuUsage()
  t.equal(chooseGuard([text]), '\uFDD2')
  const nonchars = Array.from({ length: 32 }, (_, i) => String.fromCharCode(0xFDD0 + i)).join('')
  t.equal(chooseGuard([text + nonchars]), undefined)
  const { user, system } = process.cpuUsage(before)
  t.ok(user + system < 1e6, `${(user + system) / 1000} ms of processor time`)
  t.end()
})

t.test('added words and runs of spaces are text; added markup is not', async t => {
  const token = (content: string, special: boolean) => ({ id: 0, content, special, lstrip: false, rstrip: false })
  t.same(specialTokens([token('<s>', true), token('    ', false), token('<think>', false), token('[TOOL]', false), token('word', false)]),
    { control: ['<s>'], markup: ['<think>', '[TOOL]'] })
})

for (const [name, file] of [['llama3', 'tokenizer.json'], ['qwen2', 'tokenizer.json'], ['llama2', 'tokenizer.json'], ['llama2', 'tokenizer-metaspace.json']] as const) {
  t.test(`${name} ${file}: look-alikes in guarded text give no special id, and the letters that they are`, async t => {
    const json = await fixtureJson(name, file)
    const tokenizer = await load(json)
    const all = [...tokenizer.specials.control, ...tokenizer.specials.markup]
    const guarder = new Guarder(all)
    const special = new Set(all.map(token => tokenizer.idOf(token)))
    const [seed, random] = seededRandom()
    t.comment(`seed ${seed}`)
    const pick = <T> (items: readonly T[]): T => items[Math.floor(random() * items.length)]!
    const words = ['Hello', ' world', '\n\n', '  ', 'né', '漢字', '🙂', '<', '|>', '<|', ' 12', "'s", '']
    const contents = new Set<string>()
    for (let i = 0; i < 200; i++) {
      const content = Array.from({ length: 6 }, () => random() < 0.4 ? pick(all) : pick(words)).join('')
      const [open, close] = [pick(all), pick(all)]
      const text = `${open}user\n${guarder.guard(content, guard)}\n${close}`
      const ids = await tokenizer.encodeRendered({ text, guard })
      const meant = Array.from(ids).filter(id => special.has(id))
      if (meant.join() !== [tokenizer.idOf(open), tokenizer.idOf(close)].join()) t.fail('a look-alike became a token', { text, meant })
      const decoded = tokenizer.decode(ids, { keepSpecials: true, continues: true })
      if (!decoded.replaceAll(' ', '').includes(content.replaceAll(' ', ''))) t.fail('the text changed', { text, decoded })
      contents.add(content)
    }
    t.ok(contents.size > 100, `${contents.size} different texts`)
  })

  t.test(`${name} ${file}: a guard changes no id of a text without look-alikes`, async t => {
    // The library sees no special tokens in the middle stretch either way; only the path differs.
    const json = await fixtureJson(name, file)
    const tokenizer = await load(json)
    const open = tokenizer.specials.control[0]!
    for (const content of ['Hello world', ' lead', 'trail ', '\n\nnew', 'naïve 漢字 🙂', '  two  spaces  ']) {
      const whole = await tokenizer.encodeWithSpecials(`${open}${content}${open}more`)
      const guarded = await tokenizer.encodeRendered({ text: `${open}${content[0]}${guard}${content.slice(1)}${open}more`, guard })
      t.same(guarded, whole, JSON.stringify(content))
    }
  })
}

t.test('whitespace beside a special token that takes it is not encoded again', async t => {
  const json = await fixtureJson('qwen2')
  const added = json.added_tokens.map(token => ({ ...token, lstrip: true, rstrip: true }))
  const tokenizer = await load({ ...json, added_tokens: added })
  const token = tokenizer.specials.control[0]!
  t.same(await tokenizer.encodeRendered({ text: `${token} a${guard}b ${token}`, guard }),
    await tokenizer.encodeWithSpecials(`${token} ab ${token}`))
})

t.test('added tokens that stay keep their ids in plain text', async t => {
  const json = await fixtureJson('qwen2')
  const id = Math.max(...json.added_tokens.map(token => token.id)) + 1
  const added = [...json.added_tokens, { ...json.added_tokens[0]!, id, content: 'word', special: false }]
  const tokenizer = await load({ ...json, added_tokens: added })
  const ids = await tokenizer.encode(`a word ${tokenizer.specials.control[0]!}`)
  t.ok(ids.includes(id))
  t.notOk(ids.includes(tokenizer.idOf(tokenizer.specials.control[0]!)!))
})

t.test('an id that is far too large is refused', async t => {
  const json = await fixtureJson('qwen2')
  const vocab = JSON.stringify({ ...JSON.parse(json.vocabulary.vocab!) as Record<string, number>, far: 2 ** 31 })
  await t.rejects(load({ ...json, vocabulary: { ...json.vocabulary, vocab } }), { code: 'ERR_TOKENIZER', message: /ids up to 2147483648; at most/ })
})
