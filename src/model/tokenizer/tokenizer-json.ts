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
    model: json.model as JsonPart,
    truncation: null,
    padding: null
  }
}

function readAddedTokens (value: unknown, source: string): readonly AddedToken[] {
  if (value === undefined || value === null) return []
  const isAdded = (token: unknown): token is AddedToken => typeof token === 'object' && token !== null &&
    Number.isSafeInteger((token as AddedToken).id) && typeof (token as AddedToken).content === 'string'
  if (!Array.isArray(value) || !value.every(isAdded)) {
    throw new TokenizerError(`${source}: added_tokens must be an array of objects with id and content.`)
  }
  return value
}

const partOrNull = (value: unknown): JsonPart | null =>
  typeof value === 'object' && value !== null ? value as JsonPart : null
