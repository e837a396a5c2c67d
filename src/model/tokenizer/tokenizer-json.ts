import { TokenizerError } from '../errors.js'
import type { AddedToken } from './special-tokens.js'

/** The parts of a parsed tokenizer.json that Millrace itself looks at; the rest is passed on. */
export interface TokenizerJson {
  readonly added_tokens: readonly AddedToken[]
  readonly normalizer: JsonPart | null
  readonly pre_tokenizer: JsonPart | null
  readonly post_processor: JsonPart | null
  readonly decoder: JsonPart | null
  readonly model: JsonPart
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
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    throw new TokenizerError(`${source} is not valid JSON (${(error as Error).message}). Fetch the file again.`)
  }
  const json = parsed as Record<string, unknown> | null
  if (typeof json !== 'object' || json === null || typeof json.model !== 'object' || json.model === null) {
    throw new TokenizerError(`${source} has no "model": it is not a tokenizer.json of the tokenizers library.`)
  }
  return {
    ...json,
    added_tokens: readAddedTokens(json.added_tokens, source),
    normalizer: partOrNull(json.normalizer),
    pre_tokenizer: partOrNull(json.pre_tokenizer),
    post_processor: partOrNull(json.post_processor),
    decoder: partOrNull(json.decoder),
    model: bpeModel(json.model as JsonPart, source),
    truncation: null,
    padding: null
  }
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
