import { TokenizerError } from '../errors.js'
import type { ConfigReader } from '../hf-config.js'
import type { TokenizerSettings } from './hf-tokenizer.js'
import { wordRules } from './pre-tokenizers.js'
import { sentencePieceMerges } from './sentencepiece-merges.js'
import type { AddedToken } from './special-tokens.js'
import type { TokenizerJson } from './tokenizer-json.js'

/** Values of `tokenizer.ggml.token_type`. */
const TokenType = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const

interface GgufVocabulary {
  readonly tokens: readonly string[]
  /** (tokens.length,): values of `TokenType` */
  readonly types: ArrayLike<number>
}

/**
 * A GGUF file's vocabulary as a tokenizer.json, so that one library encodes for both formats.
 *
 * @throws TokenizerError for kinds of vocabulary that are not supported, and for broken ones
 */
export function tokenizerJsonFromGguf (metadata: ConfigReader): TokenizerJson {
  const model = metadata.text('tokenizer.ggml.model')
  const vocabulary = readVocabulary(metadata)
  if (model === 'gpt2') return byteLevelJson(metadata, vocabulary)
  if (model === 'llama') return sentencePieceJson(metadata, vocabulary)
  throw metadata.unsupported('tokenizer.ggml.model', 'Supported: gpt2 (byte-level BPE) and llama (SentencePiece BPE).')
}

/** BOS and EOS, and whether they surround plain text. */
export function tokenizerSettingsFromGguf (metadata: ConfigReader): TokenizerSettings {
  const { tokens } = readVocabulary(metadata)
  const tokenOf = (key: string): string | undefined => {
    const id = metadata.raw(key)
    return typeof id === 'number' ? tokens[id] : undefined
  }
  const isSentencePiece = metadata.text('tokenizer.ggml.model') === 'llama'
  const bosToken = tokenOf('tokenizer.ggml.bos_token_id')
  const isLlama3 = metadata.text('tokenizer.ggml.pre', '') === 'llama-bpe'
  return {
    bosToken,
    eosToken: tokenOf('tokenizer.ggml.eos_token_id'),
    addBos: metadata.flag('tokenizer.ggml.add_bos_token', isSentencePiece || isLlama3),
    addEos: metadata.flag('tokenizer.ggml.add_eos_token', false)
  }
}

function readVocabulary (metadata: ConfigReader): GgufVocabulary {
  const tokens = metadata.raw('tokenizer.ggml.tokens')
  if (!isStrings(tokens) || tokens.length === 0) throw metadata.invalid('tokenizer.ggml.tokens', 'an array of strings')
  const types = metadata.raw('tokenizer.ggml.token_type') ?? new Int32Array(tokens.length).fill(TokenType.normal)
  if (!isNumbers(types) || types.length !== tokens.length) {
    throw metadata.invalid('tokenizer.ggml.token_type', `an array of ${tokens.length} integers, one for each token`)
  }
  return { tokens, types }
}

function byteLevelJson (metadata: ConfigReader, vocabulary: GgufVocabulary): TokenizerJson {
  const rules = wordRules(metadata.text('tokenizer.ggml.pre', 'missing'), metadata.source)
  const merges = metadata.raw('tokenizer.ggml.merges')
  if (!isStrings(merges)) throw metadata.invalid('tokenizer.ggml.merges', 'an array of strings')
  return tokenizerJson(vocabulary, {
    normalizer: rules.normalizer,
    pre_tokenizer: rules.preTokenizer,
    decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: rules.ignoreMerges
    },
    vocabulary: { vocab: vocabText(vocabulary), merges: mergesText(merges, metadata) }
  })
}

/** As they are, where every one has a single space; the library takes both forms. */
function mergesText (merges: readonly string[], metadata: ConfigReader): string {
  const isPlain = merges.every(merge => {
    const at = merge.indexOf(' ')
    return at > 0 && at === merge.lastIndexOf(' ')
  })
  return JSON.stringify(isPlain ? merges : merges.map(merge => splitMerge(merge, metadata)))
}

/** "a b"; the first part is at least one character, which may be a space. */
function splitMerge (merge: string, metadata: ConfigReader): [string, string] {
  const at = merge.indexOf(' ', 1)
  if (at < 0) throw new TokenizerError(`${metadata.source}: the merge ${JSON.stringify(merge)} is not two pieces.`)
  return [merge.slice(0, at), merge.slice(at + 1)]
}

const wordStart = '▁'

function sentencePieceJson (metadata: ConfigReader, vocabulary: GgufVocabulary): TokenizerJson {
  refuseNormalization(metadata)
  const scores = metadata.raw('tokenizer.ggml.scores')
  if (!isNumbers(scores) || scores.length !== vocabulary.tokens.length) {
    throw metadata.invalid('tokenizer.ggml.scores', `an array of ${vocabulary.tokens.length} numbers, one for each token`)
  }
  const addsPrefix = metadata.flag('tokenizer.ggml.add_space_prefix', true)
  const unknown = vocabulary.tokens.find((_, id) => vocabulary.types[id] === TokenType.unknown)
  const replaceSpaces = { type: 'Replace', pattern: { String: ' ' }, content: wordStart }
  return tokenizerJson(vocabulary, {
    normalizer: {
      type: 'Sequence',
      normalizers: addsPrefix ? [{ type: 'Prepend', prepend: wordStart }, replaceSpaces] : [replaceSpaces]
    },
    pre_tokenizer: null,
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: wordStart }, content: ' ' }, { type: 'ByteFallback' }, { type: 'Fuse' },
        ...(addsPrefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : [])
      ]
    },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: unknown ?? null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: vocabulary.tokens.some((_, id) => vocabulary.types[id] === TokenType.byte),
      ignore_merges: false
    },
    vocabulary: {
      vocab: vocabText(vocabulary),
      merges: JSON.stringify(sentencePieceMerges(vocabulary.tokens, scores, id => vocabulary.types[id] === TokenType.normal))
    }
  })
}

function refuseNormalization (metadata: ConfigReader): void {
  const advice = 'Use the model\'s Hugging Face folder with its tokenizer.json instead.'
  if (metadata.flag('tokenizer.ggml.remove_extra_whitespaces', false)) {
    throw metadata.unsupported('tokenizer.ggml.remove_extra_whitespaces', advice)
  }
  if (metadata.has('tokenizer.ggml.precompiled_charsmap')) {
    throw new TokenizerError(`${metadata.source}: tokenizer.ggml.precompiled_charsmap is not supported. ${advice}`)
  }
}

function tokenizerJson (
  vocabulary: GgufVocabulary, parts: Pick<TokenizerJson, 'normalizer' | 'pre_tokenizer' | 'decoder' | 'model' | 'vocabulary'>
): TokenizerJson {
  return {
    version: '1.0', truncation: null, padding: null, added_tokens: addedTokens(vocabulary), post_processor: null, ...parts
  }
}

function addedTokens ({ tokens, types }: GgufVocabulary): readonly AddedToken[] {
  return tokens.flatMap((content, id) => {
    const special = types[id] === TokenType.control || types[id] === TokenType.unknown
    if (!special && types[id] !== TokenType.userDefined) return []
    return [{ id, content, special, single_word: false, lstrip: false, rstrip: false, normalized: false }]
  })
}

/**
 * All tokens that are in use. Special ones are among them, so that the library finds their ids; no
 * merge leads to them. Of equal tokens the first counts, and in JSON the last.
 */
function vocabText ({ tokens, types }: GgufVocabulary): string {
  const runs: string[] = []
  // In runs, so that 150,000 short strings are not in memory at once.
  for (let end = tokens.length; end > 0; end -= 4096) {
    const members: string[] = []
    for (let id = end - 1; id >= Math.max(0, end - 4096); id--) {
      if (types[id] !== TokenType.unused) members.push(`${JSON.stringify(tokens[id])}:${id}`)
    }
    if (members.length > 0) runs.push(members.join(','))
  }
  return `{${runs.join(',')}}`
}

const isStrings = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every(item => typeof item === 'string')

const isNumbers = (value: unknown): value is ArrayLike<number> =>
  value instanceof Int32Array || value instanceof Float32Array ||
  (Array.isArray(value) && value.every(item => typeof item === 'number'))
