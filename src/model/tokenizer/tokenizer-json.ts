import { TokenizerError } from '../errors.js'
import type { AddedToken } from './special-tokens.js'
import { cutVocabulary, type VocabularyText } from './vocabulary-text.js'

/** The parts of a parsed tokenizer.json that Millrace itself looks at; the rest is passed on. */
export interface TokenizerJson {
  readonly added_tokens: readonly AddedToken[]
  readonly normalizer: JsonPart | null
  readonly pre_tokenizer: JsonPart | null
  readonly post_processor: JsonPart | null
  readonly decoder: JsonPart | null
  /** Without its vocabulary. */
  readonly model: JsonPart
  readonly vocabulary: VocabularyText
  readonly [field: string]: unknown
}

/** A component: its `type`, and settings that depend on it. */
export interface JsonPart {
  readonly type?: string
  readonly [field: string]: unknown
}

/**
 * Checks the outer shape of tokenizer.json, and turns truncation and padding off: training
 * leftovers that would cut prompts.
 *
 * @throws TokenizerError when it is not such a file
 */
export function parseTokenizerJson (text: string, source: string): TokenizerJson {
  const cut = cutVocabulary(text)
  let parsed: unknown
  try {
    parsed = JSON.parse(cut?.rest ?? text)
  } catch (error) {
    throw new TokenizerError(`${source} is not valid JSON (${(error as Error).message}). Fetch the file again.`)
  }
  const json = parsed as Record<string, unknown> | null
  if (typeof json !== 'object' || json === null || typeof json.model !== 'object' || json.model === null) {
    throw new TokenizerError(`${source} has no "model": it is not a tokenizer.json of the tokenizers library.`)
  }
  const { vocab, merges, ...model } = json.model as JsonPart
  return {
    ...json,
    added_tokens: readAddedTokens(json.added_tokens, source),
    normalizer: partOrNull(json.normalizer),
    pre_tokenizer: partOrNull(json.pre_tokenizer),
    post_processor: partOrNull(json.post_processor),
    decoder: partOrNull(json.decoder),
    model: bpeModel(model, source),
    vocabulary: cut?.vocabulary ?? { vocab: JSON.stringify(vocab), merges: JSON.stringify(merges) },
    truncation: null,
    padding: null
  }
}

/** The whole tokenizer.json again. */
export function tokenizerText ({ model, vocabulary: { vocab, merges }, ...rest }: TokenizerJson): string {
  const members = [
    JSON.stringify(model).slice(1, -1), vocab === undefined ? '' : `"vocab":${vocab}`, merges === undefined ? '' : `"merges":${merges}`
  ]
  return `${JSON.stringify(rest).slice(0, -1)},"model":{${members.filter(part => part !== '').join(',')}}}`
}

/**
 * Only BPE without affixes, as all supported families have. The library ends the process on some
 * contradictory models of the other kinds. Dropout, which makes encoding random, is for training.
 */
function bpeModel (model: JsonPart, source: string): JsonPart {
  if (model.type !== undefined && model.type !== 'BPE') {
    throw new TokenizerError(`${source}: model.type is ${JSON.stringify(model.type)}, which is not supported. Supported: BPE.`)
  }
  for (const field of ['continuing_subword_prefix', 'end_of_word_suffix']) {
    if ((model[field] ?? '') !== '') {
      throw new TokenizerError(`${source}: model.${field} is ${JSON.stringify(model[field])}; only BPE without affixes is supported.`)
    }
  }
  return { ...model, dropout: null }
}

function readAddedTokens (value: unknown, source: string): readonly AddedToken[] {
  if (value === undefined || value === null) return []
  const isAdded = (token: unknown): token is AddedToken => typeof token === 'object' && token !== null &&
    Number.isSafeInteger((token as AddedToken).id) && (token as AddedToken).id >= 0 && typeof (token as AddedToken).content === 'string'
  if (!Array.isArray(value) || !value.every(isAdded)) {
    throw new TokenizerError(`${source}: added_tokens must be an array of objects with id and content.`)
  }
  return value
}

const partOrNull = (value: unknown): JsonPart | null =>
  typeof value === 'object' && value !== null ? value as JsonPart : null
