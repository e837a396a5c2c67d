import type { ModelFilesInfo, TensorInfo } from '../native/binding.js'
import { specFromGgufMetadata, specFromHf, type TensorIndex } from './architectures/index.js'
import { ChatTemplate, type SpecialTokenNames } from './chat/chat-template.js'
import { templateSources, type TemplateSources } from './chat/template-source.js'
import { TokenizerError } from './errors.js'
import { generationDefaults, tokenIds, uniqueEosIds, type GenerationDefaults } from './generation-config.js'
import { ggufReader } from './gguf-metadata.js'
import type { ConfigReader } from './hf-config.js'
import type { ModelLocation } from './locate.js'
import { ModelFolder, specialNames, tokenizerSettings } from './model-folder.js'
import type { ModelSpec, TensorRef } from './model-spec.js'
import { ropeFactorsTensor } from './rope-config.js'
import { tokenizerJsonFromGguf, tokenizerSettingsFromGguf } from './tokenizer/gguf-vocabulary.js'
import { loadTokenizer } from './tokenizer/hf-tokenizer.js'
import type { Tokenizer } from './tokenizer/tokenizer.js'

/** The two calls of the addon that this layer needs. */
export interface ModelFilesAccess {
  readModelFiles (path: string): Promise<ModelFilesInfo>
  /** A tensor's values as float32; for small ones. */
  readTensor (path: string, name: string): Promise<Float32Array>
}

export interface WeightInfo extends TensorInfo {
  /** What the model uses it for. */
  readonly role: keyof ModelSpec['tensors']
}

/** A model as its files describe it. Nothing large is loaded yet. */
export interface ModelDescription {
  readonly location: ModelLocation
  readonly spec: ModelSpec
  readonly files: ModelFilesInfo
  readonly generation: GenerationDefaults
  /** The tensors that the spec uses. */
  readonly weights: readonly WeightInfo[]
  /** Their bytes, as they lie in the files. */
  readonly weightsBytes: number
  /** Loads what turns messages and text into tokens and back. */
  readonly loadText: () => Promise<ModelText>
}

export interface ModelText {
  readonly tokenizer: Tokenizer
  /** Undefined when the model has none: it completes text only. */
  readonly chatTemplate: ChatTemplate | undefined
  /** Tokens that end an answer, ascending; empty when no file names one. */
  readonly eosIds: readonly number[]
}

/**
 * Reads a model's configuration and checks it against its tensors.
 *
 * @throws ModelFilesError, UnsupportedModelError
 */
export async function describeModel (location: ModelLocation, access: ModelFilesAccess): Promise<ModelDescription> {
  return location.kind === 'gguf' ? await describeGguf(location, access) : await describeFolder(location, access)
}

/** Bytes of keys and values for one token, all layers together. */
export function kvBytesPerToken (spec: ModelSpec, dtype: 'f32' | 'f16' | 'bf16'): number {
  return 2 * spec.numLayers * spec.numKvHeads * spec.headDim * (dtype === 'f32' ? 4 : 2)
}

async function describeFolder (location: ModelLocation, access: ModelFilesAccess): Promise<ModelDescription> {
  const folder = new ModelFolder(location.path)
  const config = await folder.config()
  const files = await access.readModelFiles(location.path)
  const tensors = indexOf(files)
  const spec = specFromHf(config, tensors)
  const generation = await folder.json('generation_config.json')

  async function loadText (): Promise<ModelText> {
    const tokenizerConfig = await folder.json('tokenizer_config.json')
    const names = specialNames(tokenizerConfig, await folder.json('special_tokens_map.json'))
    const json = await folder.tokenizerJson()
    const tokenizer = await loadTokenizer(json, tokenizerSettings(names, tokenizerConfig), 'tokenizer.json')
    const named = tokenIds(generation, 'eos_token_id')
    const eosIds = named.length > 0 ? named : tokenIds(config, 'eos_token_id')
    return textOf(tokenizer, await folder.templates(tokenizerConfig), names, eosIds, spec, 'tokenizer.json')
  }
  return { location, spec, files, generation: generationDefaults(generation), ...weightsOf(spec, tensors), loadText }
}

async function describeGguf (location: ModelLocation, access: ModelFilesAccess): Promise<ModelDescription> {
  const files = await access.readModelFiles(location.path)
  const tensors = indexOf(files)
  const metadata = ggufReader(files.metadata, `${location.name}.gguf`)
  const ropeFactors = tensors.has(ropeFactorsTensor)
    ? await access.readTensor(location.path, ropeFactorsTensor)
    : undefined
  const spec = specFromGgufMetadata(metadata, tensors, ropeFactors)

  async function loadText (): Promise<ModelText> {
    const settings = tokenizerSettingsFromGguf(metadata)
    const tokenizer = await loadTokenizer(tokenizerJsonFromGguf(metadata), settings, metadata.source)
    const names = ggufSpecialNames(metadata)
    const eosIds = ['eos', 'eot', 'eom'].flatMap(name => tokenIds(metadata, `tokenizer.ggml.${name}_token_id`))
    const templates = templateSources(metadata.raw('tokenizer.chat_template'), metadata.source)
    return textOf(tokenizer, templates, names, eosIds, spec, metadata.source)
  }
  return { location, spec, files, generation: ggufDefaults(metadata), ...weightsOf(spec, tensors), loadText }
}

const indexOf = (files: ModelFilesInfo): TensorIndex => new Map(files.tensors.map(tensor => [tensor.name, tensor]))

/** @throws TokenizerError when the tokenizer has ids that the model has no embedding for */
function textOf (
  tokenizer: Tokenizer, templates: TemplateSources | undefined, names: SpecialTokenNames,
  eosIds: readonly number[], spec: ModelSpec, source: string
): ModelText {
  if (tokenizer.vocabSize > spec.vocabSize) {
    throw new TokenizerError(`${source} has ids up to ${tokenizer.vocabSize - 1}, but the model's embedding has ${spec.vocabSize} rows. ` +
      'The tokenizer belongs to another model, or tokens were added to it; use the one that came with the weights.')
  }
  const eosId = names.eos_token === undefined ? undefined : tokenizer.idOf(names.eos_token)
  return {
    tokenizer,
    chatTemplate: templates === undefined ? undefined : new ChatTemplate(templates, names, tokenizer.specials),
    eosIds: uniqueEosIds(eosId === undefined ? eosIds : [...eosIds, eosId], spec.vocabSize, source)
  }
}

/** `transformers`' names for the tokens that GGUF names by id. */
function ggufSpecialNames (metadata: ConfigReader): SpecialTokenNames {
  const tokens = metadata.raw('tokenizer.ggml.tokens') as readonly string[]
  const keys = { bos_token: 'bos', eos_token: 'eos', unk_token: 'unknown', pad_token: 'padding' }
  return Object.fromEntries(Object.entries(keys).flatMap(([name, key]) => {
    const [id] = tokenIds(metadata, `tokenizer.ggml.${key}_token_id`)
    const token = id === undefined ? undefined : tokens[id]
    return token === undefined ? [] : [[name, token]]
  }))
}

/** Sampling defaults that newer GGUF files carry. */
function ggufDefaults (metadata: ConfigReader): GenerationDefaults {
  const prefix = 'general.sampling.'
  const keys = { temperature: 'temp', topP: 'top_p', topK: 'top_k', minP: 'min_p', repetitionPenalty: 'penalty_repeat' }
  return Object.fromEntries(Object.entries(keys).flatMap(([name, key]) => {
    const value = metadata.raw(prefix + key)
    return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? [[name, value]] : []
  }))
}

function weightsOf (spec: ModelSpec, tensors: TensorIndex): Pick<ModelDescription, 'weights' | 'weightsBytes'> {
  const weights: WeightInfo[] = []
  for (const [role, { name }] of Object.entries(spec.tensors) as Array<[WeightInfo['role'], TensorRef]>) {
    const numCopies = name.includes('{layer}') ? spec.numLayers : 1
    for (let layer = 0; layer < numCopies; layer++) {
      const tensor = tensors.get(name.replace('{layer}', String(layer)))
      if (tensor !== undefined) weights.push({ ...tensor, role })
    }
  }
  return { weights, weightsBytes: weights.reduce((sum, { bytes }) => sum + bytes, 0) }
}
