// What the weight formats cost in accuracy: the same model in each of them, against its weights in F32, on
// the answers of conversations in wordings that it was not trained on.
//
//   npm run bench:accuracy -- --json out.json
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { locateModel } from '../src/model/locate.js'
import { describeModel, type ModelText } from '../src/model/load-description.js'
import { loadAddon } from '../src/native/addon.js'
import type { LoadOptions } from '../src/native/binding.js'
import { Deviation, type DeviationResult } from './accuracy/deviation.js'
import { Scorer, type Text } from './accuracy/score.js'
import { variants, writeVariant, type Variant } from './accuracy/variants.js'

interface Options {
  model: string
  texts: string
  limit: string
  kernels: LoadOptions['kernels']
  json?: string
}

const options = new Command()
  .description('Compares the weight formats of a small model with F32: errors of logits, agreement, perplexity.')
  .option('--model <path>', 'folder of safetensors; its whole logits are kept, so the vocabulary should be small', 'models/millrace-demo')
  .option('--texts <file>', 'conversations, one JSON list of messages a line', 'bench/accuracy/held-out.jsonl')
  .option('--limit <n>', 'texts at most', '2000')
  .option('--kernels <name>', 'auto, or one of the instruction sets', 'auto')
  .option('--json <file>', 'write the figures there too')
  .parse().opts<Options>()

const maxTokens = 512
const addon = loadAddon()
const location = await locateModel(options.model)
const description = await describeModel(location, addon)
const { spec } = description
const folder = mkdtempSync(join(tmpdir(), 'millrace-accuracy-'))

/** Conversations as tokens; what is predicted is the last answer with its end token. */
async function readTexts ({ tokenizer, chatTemplate, eosIds }: ModelText): Promise<Text[]> {
  if (chatTemplate === undefined) throw new Error(`${options.model} has no chat template`)
  const encode = async (messages: unknown[], addGenerationPrompt: boolean) =>
    await tokenizer.encodeRendered(await chatTemplate.render({ messages, addGenerationPrompt }))
  const texts: Text[] = []
  for (const line of readFileSync(options.texts, 'utf8').trim().split('\n').slice(0, Number(options.limit))) {
    const messages = JSON.parse(line) as unknown[]
    const prompt = await encode(messages.slice(0, -1), true)
    const whole = await encode(messages, false)
    if (prompt.some((id, i) => id !== whole[i])) throw new Error(`The conversation does not begin with its prompt: ${line}`)
    texts.push({ ids: whole.slice(0, whole.findLastIndex(id => eosIds.includes(id)) + 1), start: prompt.length })
  }
  await chatTemplate.close()
  return texts
}

async function loadScorer ({ matrices, vocabulary, load }: Omit<Variant, 'name'>) {
  const path = await writeVariant(addon, location.path, spec, folder, vocabulary === undefined ? { matrices } : { matrices, vocabulary })
  const model = await addon.loadModel({
    path,
    spec: JSON.stringify(spec),
    deviceMap: [{ start: 0, end: spec.numLayers, devices: ['cpu:0'] }],
    quantize: 'none',
    quantizeGroup: 32,
    activationDtype: 'f32', kvDtype: 'f32',
    kvBlocks: maxTokens / 16 + 1,
    kvHostBlocks: 0,
    blockTokens: 16,
    maxRows: 1,
    maxTokens,
    maxLogprobs: spec.vocabSize,
    maxSequenceTokens: maxTokens,
    deterministic: false,
    preallocateKv: false,
    kernels: options.kernels,
    ...load
  }, () => {})
  return { model, scorer: new Scorer(model, spec.vocabSize) }
}

const texts = await readTexts(await description.loadText())
const reference = await loadScorer({ matrices: 'f32' })
const results: Array<{ name: string, weightsBytes: number } & DeviationResult> = []

// One format at a time, so that a large model fits; the reference is computed again for each.
for (const variant of [{ name: 'F32', matrices: 'f32' } as const, ...variants]) {
  const { model, scorer } = await loadScorer(variant)
  const deviation = new Deviation()
  for (const text of texts) {
    const rows = await scorer.score(text)
    deviation.add(text.ids.subarray(text.start), spec.vocabSize, rows, await reference.scorer.score(text))
  }
  results.push({ name: variant.name, weightsBytes: model.memory.weightsBytes, ...deviation.result() })
  await model.dispose()
}
await reference.model.dispose()
rmSync(folder, { recursive: true })

const report = {
  date: new Date().toISOString().slice(0, 10),
  commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
  machine: `${cpus().length} x ${cpus()[0]!.model}`,
  cpuFeatures: addon.cpuFeatures(),
  command: `node --import tsx bench/accuracy.ts ${process.argv.slice(2).join(' ')}`.trimEnd(),
  model: location.name,
  texts: texts.length,
  kernels: options.kernels,
  formats: results
}
console.log(`${report.model}, ${report.texts} texts, ${results[0]!.positions} tokens of answers; kernels ${options.kernels}`)
console.table(results.map(({ name, weightsBytes, rmsError, maxError, agreement, divergence, perplexity }) => ({
  format: name,
  'weights MB': (weightsBytes / 1e6).toFixed(2),
  'RMS error': `${(rmsError * 100).toFixed(3)} %`,
  'max error': `${(maxError * 100).toFixed(2)} %`,
  agreement: `${(agreement * 100).toFixed(2)} %`,
  divergence: divergence.toExponential(2),
  perplexity: perplexity.toFixed(4)
})))
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`)
