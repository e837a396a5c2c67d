import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { describeModel, kvBytesPerToken, type ModelDescription } from '../../src/model/load-description.js'
import { locateModel } from '../../src/model/locate.js'
import { loadAddon } from '../../src/native/addon.js'
import { fixtures } from './support/model-files.js'

const describe = async (path: string): Promise<ModelDescription> => await describeModel(await locateModel(path), loadAddon())
const folderOf = (name: string): string => join(fixtures, 'models', name)
const ggufOf = (name: string): string => join(fixtures, 'gguf', `${name}.gguf`)

/** A copy of a fixture's folder to break. */
async function copyOf (t: Test, name: string): Promise<string> {
  const folder = t.testdir({})
  await cp(folderOf(name), folder, { recursive: true })
  for (const file of ['expected.safetensors', 'expected.json']) await rm(join(folder, file), { force: true })
  return folder
}

async function edit (folder: string, file: string, change: (json: Record<string, unknown>) => void): Promise<void> {
  const json = JSON.parse(await readFile(join(folder, file), 'utf8')) as Record<string, unknown>
  change(json)
  await writeFile(join(folder, file), JSON.stringify(json))
}

const messages = [{ role: 'user', content: ' Hi <|eot_id|> there ' }]

t.test('a folder gives spec, tokenizer, template, ends and sizes', async t => {
  const model = await describe(folderOf('llama3'))
  t.match(model.spec, { architecture: 'llama', vocabSize: 320, numLayers: 2 })
  t.equal(model.weightsBytes, model.files.tensors.reduce((sum, tensor) => sum + tensor.bytes, 0))
  t.equal(kvBytesPerToken(model.spec, 'bf16'), 2 * 2 * 2 * 16 * 2)
  t.equal(kvBytesPerToken(model.spec, 'f32'), 2 * kvBytesPerToken(model.spec, 'f16'))
  const { tokenizer, chatTemplate, eosIds } = await model.loadText()
  t.same(eosIds, [313, 316])
  t.same(tokenizer.prefixIds, [312])
  t.equal(tokenizer.bosId, 312)
  const rendered = await chatTemplate!.render({ messages })
  const ids = await tokenizer.encodeRendered(rendered)
  t.equal(tokenizer.decode(ids, { keepSpecials: true }), '<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n' +
    'Hi <|eot_id|> there<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n')
  t.equal(Array.from(ids).filter(id => id === 316).length, 1, 'only the template\'s end of turn is a token')
  await chatTemplate!.close()
})

for (const name of ['llama', 'llama3', 'qwen2', 'qwen3']) {
  t.test(`${name}: a GGUF file gives the same ids and texts as the folder`, async t => {
    const [folder, gguf] = await Promise.all([describe(folderOf(name)), describe(ggufOf(`${name}-f32`))])
    const [a, b] = await Promise.all([folder.loadText(), gguf.loadText()])
    for (const text of ['', 'Hello world', ' née\n\n12345 漢字 🙂', 'a  b', '<|im_end|></s>']) {
      t.same(await a.tokenizer.encode(text), await b.tokenizer.encode(text), JSON.stringify(text))
    }
    t.same([a.tokenizer.prefixIds, a.tokenizer.suffixIds], [b.tokenizer.prefixIds, b.tokenizer.suffixIds])
    t.ok(b.eosIds.every(id => a.eosIds.includes(id)) && b.eosIds.length > 0)
    t.equal(a.chatTemplate?.source(), b.chatTemplate?.source())
    t.equal(a.tokenizer.vocabSize, b.tokenizer.vocabSize)
    for (let id = 0; id < a.tokenizer.vocabSize; id++) {
      if (Buffer.compare(a.tokenizer.tokenBytes(id), b.tokenizer.tokenBytes(id)) !== 0) t.fail(`token ${id} differs`)
    }
  })
}

t.test('generation_config.json gives defaults; do_sample false is greedy', async t => {
  const folder = await copyOf(t, 'qwen2')
  await edit(folder, 'generation_config.json', json => Object.assign(json, { temperature: 0.7, top_p: 0.8, top_k: 20, repetition_penalty: 1.1 }))
  t.same((await describe(folder)).generation, { temperature: 0.7, topP: 0.8, topK: 20, repetitionPenalty: 1.1 })
  await edit(folder, 'generation_config.json', json => { json.do_sample = false })
  t.equal((await describe(folder)).generation.temperature, 0)
  await edit(folder, 'generation_config.json', json => { json.top_p = 1.5 })
  await t.rejects(describe(folder), { code: 'ERR_MODEL_FILES', message: /generation_config.json: top_p is 1.5; it must be a number from 0 to 1/ })
})

t.test('the ends of an answer come from all files that name one', async t => {
  const folder = await copyOf(t, 'qwen2')
  await edit(folder, 'generation_config.json', json => { json.eos_token_id = [312, 315] })
  const eosIds = async (): Promise<readonly number[]> => (await (await describe(folder)).loadText()).eosIds
  t.same(await eosIds(), [312, 314, 315], 'the tokenizer\'s own end is among them')
  await rm(join(folder, 'generation_config.json'))
  t.same(await eosIds(), [314], 'config.json counts when generation_config.json says nothing')
  await edit(folder, 'config.json', json => { json.eos_token_id = 320 })
  await t.rejects(eosIds(), { code: 'ERR_MODEL_FILES', message: /id 320 is past the model's vocabulary of 320/ })
})

t.test('a tokenizer of another model is refused with both numbers', async t => {
  const folder = await copyOf(t, 'qwen3')
  await cp(join(fixtures, 'tokenizers/qwen2/tokenizer.json'), join(folder, 'tokenizer.json'))
  await t.rejects((await describe(folder)).loadText(), { code: 'ERR_TOKENIZER', message: /ids up to \d+, but the model's embedding has 320 rows/ })
})

t.test('missing and broken files are named', async t => {
  const folder = await copyOf(t, 'llama')
  await writeFile(join(folder, 'tokenizer.json'), '{"model": ')
  await t.rejects((await describe(folder)).loadText(), { code: 'ERR_TOKENIZER', message: /tokenizer.json is not valid JSON/ })
  await writeFile(join(folder, 'tokenizer.json'), '{"model": {"type": "BPE"}, "decoder": {"type": "ByteLevel"}}')
  await t.rejects((await describe(folder)).loadText(), { code: 'ERR_TOKENIZER', message: /tokenizer.json cannot be used/ })
  await rm(join(folder, 'tokenizer.json'))
  await t.rejects((await describe(folder)).loadText(), { code: 'ERR_TOKENIZER', message: /no tokenizer.json. Its tokenizer.model can be converted/ })
  await writeFile(join(folder, 'config.json'), '[]')
  await t.rejects(describe(folder), { code: 'ERR_MODEL_FILES', message: /config.json: the file must hold a JSON object/ })
  await rm(join(folder, 'config.json'))
  await writeFile(join(folder, 'm.gguf'), '')
  await t.rejects(describe(folder), { message: /no config.json, but GGUF files; name one of them: .*m.gguf/ })
})

t.test('chat_template.jinja wins, and a model without a template completes text only', async t => {
  const folder = await copyOf(t, 'qwen2')
  await writeFile(join(folder, 'chat_template.jinja'), 'from the file')
  t.equal((await (await describe(folder)).loadText()).chatTemplate?.source(), 'from the file')
  await rm(join(folder, 'chat_template.jinja'))
  await edit(folder, 'tokenizer_config.json', json => { delete json.chat_template })
  t.equal((await (await describe(folder)).loadText()).chatTemplate, undefined)
})

t.test('special tokens written as objects, and add_bos_token, are read', async t => {
  const folder = await copyOf(t, 'llama3')
  await edit(folder, 'tokenizer_config.json', json => {
    json.bos_token = { content: '<|begin_of_text|>', lstrip: false }
    json.add_bos_token = false
  })
  const { tokenizer } = await (await describe(folder)).loadText()
  t.equal(tokenizer.bosId, 312)
  t.same(tokenizer.prefixIds, [])
})

t.test('every fixture model is described', async t => {
  for (const name of ['llama', 'llama-linear', 'llama3', 'llama3-f16', 'mistral', 'mistral-swa', 'qwen2', 'qwen2-yarn', 'qwen3',
    'qwen3-bf16', 'qwen3-untied']) {
    const { spec, loadText } = await describe(folderOf(name))
    t.equal(spec.slidingWindows.length, spec.numLayers, name)
    t.ok((await loadText()).eosIds.length > 0, name)
  }
  t.ok((await describe(ggufOf('qwen3-q8_0'))).files.tensors.some(tensor => tensor.dtype === 'Q8_0'))
})
