import { formatBytes } from '../core/bytes.js'
import { kvBytesPerToken, describeModel, type ModelDescription } from '../model/load-description.js'
import { locateModel } from '../model/locate.js'
import { loadAddon } from '../native/addon.js'
import { printLine, type Io } from './io.js'
import { dtypesOf, formatCount, parametersOf } from './model-summary.js'
import { numberFlag } from './option-flags.js'
import { ProgressLine } from './progress-line.js'
import { table, twoColumns } from './table.js'

const kvDtypes = ['bf16', 'f16', 'f32'] as const

/** `millrace inspect`: what a model's files say, without loading the weights. */
export async function inspect (model: string, flags: Readonly<Record<string, unknown>>, io: Io): Promise<void> {
  const tokens = numberFlag('tokens', flags['tokens'], 1, 2 ** 40)
  const line = new ProgressLine(io.stderr)
  const location = await locateModel(model, {
    onProgress: ({ file, doneBytes, totalBytes }) => { line.show(`Downloading ${file}: ${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`) }
  })
  line.end()
  const description = await describeModel(location, loadAddon())
  const facts = await inspection(description, tokens)
  printLine(io.stdout, flags['json'] === true ? JSON.stringify(facts, null, 2) : inspectionText(facts))
}

export type Inspection = Awaited<ReturnType<typeof inspection>>

/** @param tokens to size a KV cache for; default: the model's context */
export async function inspection (description: ModelDescription, tokens?: number) {
  const { spec, location, files, generation, weightsBytes } = description
  const text = await description.loadText()
  const kvTokens = tokens ?? spec.maxPositions
  return {
    name: location.name,
    path: location.path,
    format: files.format,
    files: files.files.length,
    architecture: spec.architecture,
    parameters: parametersOf(description),
    weightsBytes,
    layers: spec.numLayers,
    hiddenSize: spec.hiddenSize,
    ffnSize: spec.ffnSize,
    heads: spec.numHeads,
    kvHeads: spec.numKvHeads,
    headDim: spec.headDim,
    vocabSize: spec.vocabSize,
    context: spec.maxPositions,
    slidingWindows: [...new Set(spec.slidingWindows)].filter(window => window > 0),
    hasTiedHead: spec.tensors.lmHead === undefined,
    hasChatTemplate: text.chatTemplate !== undefined,
    eosIds: text.eosIds,
    samplingDefaults: generation,
    dtypes: dtypesOf(description),
    kv: {
      tokens: kvTokens,
      bytesPerToken: Object.fromEntries(kvDtypes.map(dtype => [dtype, kvBytesPerToken(spec, dtype)])),
      bytes: Object.fromEntries(kvDtypes.map(dtype => [dtype, kvTokens * kvBytesPerToken(spec, dtype)]))
    }
  }
}

function inspectionText (facts: Inspection): string {
  const { kv, samplingDefaults } = facts
  const windows = facts.slidingWindows.length === 0 ? '' : `, sliding window of ${facts.slidingWindows.join(' and ')}`
  const defaults = Object.entries(samplingDefaults).map(([name, value]) => `${name} ${value}`).join(', ')
  return [
    twoColumns([
      ['model', facts.name],
      ['path', facts.path],
      ['format', `${facts.format}, ${facts.files} file${facts.files === 1 ? '' : 's'}`],
      ['architecture', facts.architecture],
      ['parameters', `${formatCount(facts.parameters)}, ${formatBytes(facts.weightsBytes)}`],
      ['layers', `${facts.layers}: hidden size ${facts.hiddenSize}, feed-forward ${facts.ffnSize}`],
      ['attention', `${facts.heads} heads of ${facts.headDim}, ${facts.kvHeads} KV heads${windows}`],
      ['vocabulary', `${facts.vocabSize} tokens${facts.hasTiedHead ? ', head tied to the embedding' : ''}`],
      ['context', `${facts.context} tokens`],
      ['chat template', facts.hasChatTemplate ? 'yes' : 'no: it completes text only'],
      ['end tokens', facts.eosIds.join(', ') || 'none'],
      ['sampling', defaults === '' ? 'no defaults of its own' : defaults]
    ]),
    table(['weights', 'tensors', 'parameters', 'size'],
      facts.dtypes.map(({ dtype, tensors, parameters, bytes }) => [dtype, tensors, formatCount(parameters), formatBytes(bytes)])),
    table(['KV cache', 'per token', `${kv.tokens} tokens`],
      kvDtypes.map(dtype => [dtype, formatBytes(kv.bytesPerToken[dtype]!), formatBytes(kv.bytes[dtype]!)]))
  ].join('\n\n')
}
