// A byte-level BPE tokenizer of any size, without training: merges of the 26 letters into runs of two to four.

const LETTERS = [...'etaoinshrdlcumwfgypbvkjxqz']
const SPACE = '\u0120' // how a byte-level BPE writes a space

const QWEN_SPECIAL = [
  '<|endoftext|>', '<|im_start|>', '<|im_end|>', '<|object_ref_start|>', '<|object_ref_end|>', '<|box_start|>', '<|box_end|>',
  '<|quad_start|>', '<|quad_end|>', '<|vision_start|>', '<|vision_end|>', '<|vision_pad|>', '<|image_pad|>', '<|video_pad|>'
]
// In the vocabulary as whole tokens, but part of the visible text.
const QWEN_USER_DEFINED = [
  '<tool_call>', '</tool_call>', '<|fim_prefix|>', '<|fim_middle|>', '<|fim_suffix|>', '<|fim_pad|>',
  '<|repo_name|>', '<|file_sep|>', '<tool_response>', '</tool_response>', '<think>', '</think>'
]
const LLAMA_NAMED = [
  '<|begin_of_text|>', '<|end_of_text|>', '<|reserved_special_token_0|>', '<|reserved_special_token_1|>',
  '<|finetune_right_pad_id|>', '<|reserved_special_token_2|>', '<|start_header_id|>', '<|end_header_id|>',
  '<|eom_id|>', '<|eot_id|>', '<|python_tag|>'
]
const LLAMA_SPECIAL_COUNT = 256

const SPLIT_TAIL = '| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+'
const SPLIT_HEAD = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"

const CHATML = [
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}",
  "{{ message['content'] + '<|im_end|>\\n' }}{% endfor %}",
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
].join('')
const HEADERS = [
  "{{ bos_token }}{% for message in messages %}{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}",
  "{{ message['content'] | trim + '<|eot_id|>' }}{% endfor %}",
  "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"
].join('')

/** The printable character of each byte, in GPT-2's order of ids. */
function byteAlphabet () {
  const printable = (/** @type {number} */ byte) => (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad)
  const bytes = Array.from({ length: 256 }, (_, byte) => byte)
  const rest = bytes.filter(byte => !printable(byte))
  return [...bytes.filter(printable), ...rest.map((_, i) => 256 + i)].map(code => String.fromCharCode(code))
}

/** Pairs to merge, most useful first; each makes a token that no other pair makes. */
function* mergePairs () {
  const pairs = LETTERS.flatMap(a => LETTERS.map(b => a + b))
  for (const [a, b] of pairs) yield [a, b]
  for (const letter of LETTERS) yield [SPACE, letter]
  for (const pair of pairs) yield [SPACE, pair]
  for (const pair of pairs) for (const letter of LETTERS) yield [pair, letter]
  for (const pair of pairs) for (const letter of LETTERS) yield [SPACE + pair, letter]
  for (const first of pairs) for (const second of pairs) yield [first, second]
}

/**
 * @typedef {{ content: string, special: boolean }} AddedToken
 * @typedef {{
 *   tokens: string[], merges: string[], added: AddedToken[], bosId: number, eosIds: number[], padId: number,
 *   pre: string, addBos: boolean, chatTemplate: string
 * }} Vocabulary ids: first `tokens`, then `added`
 */

/**
 * A vocabulary of exactly shape.tokenizerSize entries, with the special tokens at their real ids.
 * @param {import('./shapes.mjs').Shape} shape
 * @returns {Vocabulary}
 */
export function vocabularyOf (shape) {
  const llama = shape.architecture === 'llama'
  const added = llama ? llamaAdded() : qwenAdded()
  const tokens = byteAlphabet()
  const merges = []
  const size = shape.tokenizerSize - added.length
  for (const [left, right] of mergePairs()) {
    if (tokens.length === size) break
    tokens.push(left + right)
    merges.push(`${left} ${right}`)
  }
  if (tokens.length !== size) throw new RangeError(`a vocabulary of ${shape.tokenizerSize} entries cannot be made here`)
  const idOf = (/** @type {string} */ content) => size + added.findIndex(token => token.content === content)
  const shared = { tokens, merges, added }
  if (llama) {
    const eosIds = ['<|eot_id|>', '<|end_of_text|>', '<|eom_id|>'].map(idOf)
    const [bosId, padId] = [idOf('<|begin_of_text|>'), idOf('<|finetune_right_pad_id|>')]
    return { ...shared, bosId, eosIds, padId, pre: 'llama-bpe', addBos: true, chatTemplate: HEADERS }
  }
  const endId = idOf('<|endoftext|>')
  const eosIds = [idOf('<|im_end|>'), endId]
  return { ...shared, bosId: endId, eosIds, padId: endId, pre: 'qwen2', addBos: false, chatTemplate: CHATML }
}

/** @returns {AddedToken[]} */
function llamaAdded () {
  const count = LLAMA_SPECIAL_COUNT - LLAMA_NAMED.length
  const reserved = Array.from({ length: count }, (_, i) => `<|reserved_special_token_${i + 3}|>`)
  return [...LLAMA_NAMED, ...reserved].map(content => ({ content, special: true }))
}

/** @returns {AddedToken[]} */
function qwenAdded () {
  return [
    ...QWEN_SPECIAL.map(content => ({ content, special: true })),
    ...QWEN_USER_DEFINED.map(content => ({ content, special: false }))
  ]
}

/**
 * tokenizer.json for Hugging Face's `tokenizers`.
 * @param {Vocabulary} vocabulary
 */
export function tokenizerJson (vocabulary) {
  const llama = vocabulary.pre === 'llama-bpe'
  const bos = vocabulary.added[0].content
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false }
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false }
  const split = SPLIT_HEAD + (llama ? '\\p{N}{1,3}' : '\\p{N}') + SPLIT_TAIL
  const template = {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: bos, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [
      { SpecialToken: { id: bos, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }
    ],
    special_tokens: { [bos]: { id: bos, ids: [vocabulary.bosId], tokens: [bos] } }
  }
  return JSON.stringify({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: vocabulary.added.map(({ content, special }, i) => (
      { id: vocabulary.tokens.length + i, content, ...flags, special }
    )),
    normalizer: llama ? null : { type: 'NFC' },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: split }, behavior: 'Isolated', invert: false },
        byteLevel
      ]
    },
    post_processor: llama ? { type: 'Sequence', processors: [byteLevel, template] } : byteLevel,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: llama,
      vocab: Object.fromEntries(vocabulary.tokens.map((token, id) => [token, id])),
      merges: vocabulary.merges
    }
  })
}

/**
 * tokenizer_config.json.
 * @param {Vocabulary} vocabulary
 */
export function tokenizerConfig (vocabulary) {
  const contentOf = (/** @type {number} */ id) => vocabulary.added[id - vocabulary.tokens.length].content
  return {
    add_bos_token: vocabulary.addBos,
    bos_token: vocabulary.addBos ? contentOf(vocabulary.bosId) : null,
    eos_token: contentOf(vocabulary.eosIds[0]),
    pad_token: contentOf(vocabulary.padId),
    clean_up_tokenization_spaces: false,
    tokenizer_class: vocabulary.addBos ? 'PreTrainedTokenizerFast' : 'Qwen2Tokenizer',
    chat_template: vocabulary.chatTemplate
  }
}
