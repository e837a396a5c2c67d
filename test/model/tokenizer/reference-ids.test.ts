// Ids and texts against the `tokenizers` and `sentencepiece` libraries of Python, on strings and
// expectations in test/fixtures/tokenizers (made by test/fixtures/generate/make_tokenizers.py).
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { ggufReader } from '../../../src/model/gguf-metadata.js'
import { tokenizerJsonFromGguf, tokenizerSettingsFromGguf } from '../../../src/model/tokenizer/gguf-vocabulary.js'
import { loadTokenizer } from '../../../src/model/tokenizer/hf-tokenizer.js'
import { parseTokenizerJson } from '../../../src/model/tokenizer/tokenizer-json.js'
import type { Tokenizer } from '../../../src/model/tokenizer/tokenizer.js'
import { readJsonLines } from '../support/json-lines.js'
import { fixtures, readModelFiles } from '../support/model-files.js'

interface DecodeCase { ids: number[], text: string, pieces: string[], tail: string }
interface SpecialCase { text: string, ids: number[], idsWithBos: number[] }

const bosTokens: Record<string, string | undefined> = { llama3: '<|begin_of_text|>', qwen2: undefined, llama2: '<s>' }

async function fromJson (name: string, file = 'tokenizer.json'): Promise<Tokenizer> {
  const text = await readFile(`${fixtures}tokenizers/${name}/${file}`, 'utf8')
  return await loadTokenizer(parseTokenizerJson(text, file), { bosToken: bosTokens[name] }, file)
}

async function fromGguf (name: string): Promise<Tokenizer> {
  const { metadata } = await readModelFiles(`${fixtures}tokenizers/${name}/vocab.gguf`)
  const reader = ggufReader(metadata, 'vocab.gguf')
  return await loadTokenizer(tokenizerJsonFromGguf(reader), tokenizerSettingsFromGguf(reader), 'vocab.gguf')
}

/** Index and both lists of the first string whose ids differ. */
async function firstDifference (
  tokenizer: Tokenizer, strings: readonly string[], expected: ReadonlyArray<readonly number[]>
): Promise<unknown> {
  for (let i = 0; i < strings.length; i++) {
    const ids = Array.from(await tokenizer.encode(strings[i]!))
    if (ids.length !== expected[i]!.length || ids.some((id, k) => id !== expected[i]![k])) {
      return { index: i, string: strings[i], found: ids, expected: expected[i] }
    }
  }
  return undefined
}

const strings = await readJsonLines<string>('tokenizers/strings.jsonl.gz')
t.ok(strings.length >= 10_000, 'the strings are at least 10,000')

for (const name of ['llama3', 'qwen2', 'llama2']) {
  const ids = await readJsonLines<number[]>(`tokenizers/${name}/ids.jsonl.gz`)
  const decodeCases = await readJsonLines<DecodeCase>(`tokenizers/${name}/decode.jsonl.gz`)
  const specialCases = JSON.parse(await readFile(`${fixtures}tokenizers/${name}/special.json`, 'utf8')) as SpecialCase[]

  for (const [format, load] of [['tokenizer.json', fromJson], ['GGUF', fromGguf]] as const) {
    t.test(`${name} from ${format} gives the reference's ids for 10,000 strings`, async t => {
      t.equal(ids.length, strings.length)
      t.equal(await firstDifference(await load(name), strings, ids), undefined)
    })

    t.test(`${name} from ${format} decodes and streams the reference's texts`, async t => {
      const tokenizer = await load(name)
      for (const { ids, text, pieces, tail } of decodeCases) {
        const whole = tokenizer.decode(ids, { keepSpecials: true })
        const stream = tokenizer.streamDecoder({ keepSpecials: true, continues: true })
        const streamed = ids.map(id => stream.push(id))
        const end = stream.end()
        if (whole !== text || end !== tail || streamed.join('|') !== pieces.join('|')) {
          t.fail('a text differs', { ids, whole, text, streamed, pieces, end, tail })
        }
      }
      t.ok(decodeCases.length >= 300)
    })

    t.test(`${name} from ${format} reads special tokens where they are meant, and BOS where asked for`, async t => {
      const tokenizer = await load(name)
      for (const { text, ids, idsWithBos } of specialCases) {
        const found = Array.from(await tokenizer.encodeWithSpecials(text))
        t.same(found, ids, JSON.stringify(text))
        t.same([...tokenizer.prefixIds, ...found, ...tokenizer.suffixIds], idsWithBos)
      }
    })
  }
}

t.test('a tokenizer that gives the leading space to the first stretch only follows its reference', async t => {
  const differences = await readJsonLines<{ index: number, ids: number[] }>('tokenizers/llama2/metaspace-differences.jsonl.gz')
  const ids = await readJsonLines<number[]>('tokenizers/llama2/ids.jsonl.gz')
  for (const difference of differences) ids[difference.index] = difference.ids
  t.equal(await firstDifference(await fromJson('llama2', 'tokenizer-metaspace.json'), strings, ids), undefined)
})
