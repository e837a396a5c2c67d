// Whatever stands in a model's files, the outcome is a model or one error that names the fault.
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { MillraceError } from '../../src/core/errors.js'
import { specFromGgufMetadata, specFromHf, type TensorIndex } from '../../src/model/architectures/index.js'
import { generationDefaults, tokenIds } from '../../src/model/generation-config.js'
import { ggufReader } from '../../src/model/gguf-metadata.js'
import { ConfigReader } from '../../src/model/hf-config.js'
import { specialNames, tokenizerSettings } from '../../src/model/model-folder.js'
import { templateSources } from '../../src/model/chat/template-source.js'
import { tokenizerJsonFromGguf, tokenizerSettingsFromGguf } from '../../src/model/tokenizer/gguf-vocabulary.js'
import { loadTokenizer } from '../../src/model/tokenizer/hf-tokenizer.js'
import { parseTokenizerJson } from '../../src/model/tokenizer/tokenizer-json.js'
import type { MetadataValue, ModelFilesInfo } from '../../src/native/binding.js'
import { fixtures, readModelFiles } from './support/model-files.js'
import { seededRandom } from './support/random.js'

const [seed, random] = seededRandom()
t.comment(`seed ${seed}`)

const pick = <T> (items: readonly T[]): T => items[Math.floor(random() * items.length)]!
const junk: readonly unknown[] = [null, '', 'x', -1, 0, 1, 0.5, 3, 1e300, -0, 2 ** 53, true, false, [], {}, [1, 'a'], [[]], { a: 1 }, '__proto__',
  ['a', 'b'], { rope_type: 'yarn' }, { type: 'linear', factor: -2 }, { type: 7 }]
const ggufJunk: readonly unknown[] = [...junk, 5n, Int32Array.of(1, 2), Float32Array.of(NaN), Int32Array.of()]

const indexOf = (files: ModelFilesInfo): TensorIndex => new Map(files.tensors.map(tensor => [tensor.name, tensor]))

function withJunk (object: Record<string, unknown>, values: readonly unknown[]): Record<string, unknown> {
  const changed = { ...object }
  for (let i = 0; i <= random() * 2; i++) {
    const key = pick(Object.keys(object))
    if (random() < 0.2) delete changed[key]
    else changed[key] = pick(values)
  }
  return changed
}

/** Fails for errors of our own code, such as a TypeError. */
async function expectCleanOutcome (t: { fail: (message: string, extra: object) => unknown }, changed: unknown, run: () => unknown): Promise<boolean> {
  try {
    await run()
    return true
  } catch (error) {
    if (!(error instanceof MillraceError)) t.fail(String((error as Error).stack), { changed })
    return false
  }
}

t.test('junk in config.json, generation_config.json and tokenizer_config.json', async t => {
  let accepted = 0
  for (const name of ['llama', 'llama3', 'mistral-swa', 'qwen2', 'qwen2-yarn', 'qwen3']) {
    const folder = `${fixtures}models/${name}`
    const config = JSON.parse(await readFile(`${folder}/config.json`, 'utf8')) as Record<string, unknown>
    const tensors = indexOf(await readModelFiles(folder))
    const extra = { ...config, sliding_window: 4, layer_types: null, rope_parameters: null, hidden_act: 'silu', partial_rotary_factor: 1 }
    for (let i = 0; i < 300; i++) {
      const changed = withJunk(extra, junk)
      if (await expectCleanOutcome(t, changed, () => specFromHf(new ConfigReader(changed, 'config.json'), tensors))) accepted++
    }
  }
  t.ok(accepted > 0 && accepted < 1800, `${accepted} of 1800 were harmless`)
  const generation = { do_sample: true, temperature: 1, top_p: 1, top_k: 5, eos_token_id: [1], bos_token: 'a', add_bos_token: true, chat_template: 'x' }
  for (let i = 0; i < 500; i++) {
    const changed = withJunk(generation, junk)
    const reader = new ConfigReader(changed, 'x.json')
    await expectCleanOutcome(t, changed, () => [generationDefaults(reader), tokenIds(reader, 'eos_token_id')])
    await expectCleanOutcome(t, changed, () => tokenizerSettings(specialNames(reader), reader))
    await expectCleanOutcome(t, changed, () => templateSources(reader.raw('chat_template'), 'x.json'))
  }
})

t.test('junk in GGUF key-values', async t => {
  for (const name of ['llama-f32', 'qwen2-yarn-f32', 'qwen3-f32']) {
    const files = await readModelFiles(`${fixtures}gguf/${name}.gguf`)
    const tensors = indexOf(files)
    for (let i = 0; i < 300; i++) {
      const changed = withJunk(files.metadata, ggufJunk) as Record<string, MetadataValue>
      const reader = ggufReader(changed, 'm.gguf')
      await expectCleanOutcome(t, changed, () => specFromGgufMetadata(reader, tensors, undefined))
      await expectCleanOutcome(t, changed, async () =>
        await loadTokenizer(tokenizerJsonFromGguf(reader), tokenizerSettingsFromGguf(reader), 'm.gguf'))
    }
  }
  t.pass('no error of our own')
})

t.test('junk in tokenizer.json', async t => {
  for (const name of ['llama', 'qwen3']) {
    const json = JSON.parse(await readFile(`${fixtures}models/${name}/tokenizer.json`, 'utf8')) as Record<string, unknown>
    for (let i = 0; i < 200; i++) {
      const changed = withJunk(json, junk)
      if (random() < 0.5) changed.model = withJunk(json.model as Record<string, unknown>, junk)
      await expectCleanOutcome(t, changed, async () =>
        await loadTokenizer(parseTokenizerJson(JSON.stringify(changed), 'tokenizer.json'), { bosToken: '<s>' }, 'tokenizer.json'))
    }
  }
  t.pass('no error of our own')
})
