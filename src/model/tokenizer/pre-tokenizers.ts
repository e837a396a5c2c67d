import { TokenizerError } from '../errors.js'
import type { JsonPart } from './tokenizer-json.js'

// GGUF names the way of cutting text into words (`tokenizer.ggml.pre`) without spelling it out.
// The patterns are those of the models' own tokenizer.json files.

/** Splitting, normalisation and merge rule of one family of byte-level tokenizers. */
export interface WordRules {
  readonly normalizer: JsonPart | null
  readonly preTokenizer: JsonPart
  /** A whole word that is in the vocabulary is taken as it is, without its merges. */
  readonly ignoreMerges: boolean
}

const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
const spaces = String.raw`\s*[\r\n]+|\s+(?!\S)|\s+`
const llama3 = String.raw`${contractions}|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|${spaces}`
const qwen2 = String.raw`${contractions}|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|${spaces}`
const upper = String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`
const lower = String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`
const tekken = String.raw`[^\r\n\p{L}\p{N}]?${upper}*${lower}+|[^\r\n\p{L}\p{N}]?${upper}+${lower}*|` +
  String.raw`\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|${spaces}`

const byteLevel = (useRegex: boolean): JsonPart =>
  ({ type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: useRegex })

const splitBy = (regex: string): JsonPart => ({
  type: 'Sequence',
  pretokenizers: [{ type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false }, byteLevel(false)]
})

const rules: Readonly<Record<string, WordRules>> = {
  'gpt-2': { normalizer: null, preTokenizer: byteLevel(true), ignoreMerges: false },
  'llama-bpe': { normalizer: null, preTokenizer: splitBy(llama3), ignoreMerges: true },
  qwen2: { normalizer: { type: 'NFC' }, preTokenizer: splitBy(qwen2), ignoreMerges: false },
  tekken: { normalizer: null, preTokenizer: splitBy(tekken), ignoreMerges: true },
  smollm: {
    normalizer: null,
    preTokenizer: { type: 'Sequence', pretokenizers: [{ type: 'Digits', individual_digits: true }, byteLevel(true)] },
    ignoreMerges: false
  }
}

/** @throws TokenizerError for a name that is not in the table */
export function wordRules (name: string, source: string): WordRules {
  const known = Object.hasOwn(rules, name) ? rules[name] : undefined
  if (known === undefined) {
    throw new TokenizerError(`${source}: tokenizer.ggml.pre is "${name}", which is not supported. ` +
      `Supported: ${Object.keys(rules).join(', ')}. Use the model's Hugging Face folder with its tokenizer.json instead.`)
  }
  return known
}
