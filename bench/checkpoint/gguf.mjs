// Lays tensors out in one GGUF v3 file, with the metadata llama.cpp's converter writes.

const ALIGNMENT = 32
const U32 = 4
const I32 = 5
const F32 = 6
const BOOL = 7
const STRING = 8
const ARRAY = 9
const NORMAL = 1
const CONTROL = 3
const USER_DEFINED = 4
const UNUSED = 5

/** Appends little-endian values to a growing buffer. */
class Bytes {
  #buffer = Buffer.alloc(1 << 20)
  length = 0

  /**
   * Makes room for `size` bytes at the end; returns where they start. Call it before touching #buffer, which it may replace.
   * @param {number} size
   */
  #grow (size) {
    const start = this.length
    this.length += size
    if (this.length > this.#buffer.length) {
      this.#buffer = Buffer.concat([this.#buffer], Math.max(2 * this.#buffer.length, this.length))
    }
    return start
  }

  /** @param {number} value */
  u32 (value) {
    const at = this.#grow(4)
    this.#buffer.writeUInt32LE(value, at)
  }

  /** @param {number} value */
  f32 (value) {
    const at = this.#grow(4)
    this.#buffer.writeFloatLE(value, at)
  }

  /** @param {number} value */
  u64 (value) {
    const at = this.#grow(8)
    this.#buffer.writeBigUInt64LE(BigInt(value), at)
  }

  /** @param {boolean} value */
  bool (value) {
    const at = this.#grow(1)
    this.#buffer.writeUInt8(value ? 1 : 0, at)
  }

  /** @param {string} value */
  string (value) {
    const size = Buffer.byteLength(value)
    this.u64(size)
    const at = this.#grow(size)
    this.#buffer.write(value, at)
  }

  done () { return this.#buffer.subarray(0, this.length) }
}

/** @param {number} size */
export const padded = size => Math.ceil(size / ALIGNMENT) * ALIGNMENT

/**
 * The one file to write: a header, then each tensor padded to 32 bytes.
 * @param {string} file
 * @param {import('./shapes.mjs').Shape} shape
 * @param {import('./tokenizer.mjs').Vocabulary} vocabulary
 * @param {(import('./safetensors.mjs').Item & { ggmlType: number })[]} items
 * @param {number} fileType
 */
export function planGguf (file, shape, vocabulary, items, fileType) {
  const metadata = new Bytes()
  const count = writeMetadata(metadata, shape, vocabulary, fileType)
  const head = new Bytes()
  head.u32(0x46554747) // "GGUF"
  head.u32(3)
  head.u64(items.length)
  head.u64(count)
  const infos = new Bytes()
  let at = 0
  for (const { weight, bytes, ggmlType } of items) {
    const dimensions = weight.norm ? [weight.rows] : [weight.cols, weight.rows]
    infos.string(weight.ggufName)
    infos.u32(dimensions.length)
    for (const dimension of dimensions) infos.u64(dimension)
    infos.u32(ggmlType)
    infos.u64(at)
    at += padded(bytes)
  }
  const joined = Buffer.concat([head.done(), metadata.done(), infos.done()])
  const whole = Buffer.concat([joined, Buffer.alloc(padded(joined.length) - joined.length)])
  return { file, head: whole, items: items.map(item => ({ ...item, paddedBytes: padded(item.bytes) })) }
}

/**
 * Returns the number of pairs written.
 * @param {Bytes} out
 * @param {import('./shapes.mjs').Shape} shape
 * @param {import('./tokenizer.mjs').Vocabulary} vocabulary
 * @param {number} fileType
 */
function writeMetadata (out, shape, vocabulary, fileType) {
  const arch = shape.architecture
  let count = 0
  /** @type {(key: string, type: number) => void} */
  const key = (key, type) => {
    out.string(key)
    out.u32(type)
    count++
  }
  /** @type {(name: string, value: number) => void} */
  const u32 = (name, value) => { key(name, U32); out.u32(value) }
  /** @type {(name: string, value: number) => void} */
  const f32 = (name, value) => { key(name, F32); out.f32(value) }
  /** @type {(name: string, value: string) => void} */
  const string = (name, value) => { key(name, STRING); out.string(value) }
  /** @type {(name: string, type: number, length: number) => void} */
  const array = (name, type, length) => { key(name, ARRAY); out.u32(type); out.u64(length) }

  string('general.architecture', arch)
  string('general.type', 'model')
  u32('general.file_type', fileType)
  u32('general.quantization_version', 2)
  u32(`${arch}.block_count`, shape.layers)
  u32(`${arch}.context_length`, shape.contextTokens)
  u32(`${arch}.embedding_length`, shape.hidden)
  u32(`${arch}.feed_forward_length`, shape.feedForward)
  u32(`${arch}.attention.head_count`, shape.heads)
  u32(`${arch}.attention.head_count_kv`, shape.kvHeads)
  u32(`${arch}.attention.key_length`, shape.headDim)
  u32(`${arch}.attention.value_length`, shape.headDim)
  f32(`${arch}.attention.layer_norm_rms_epsilon`, shape.epsilon)
  f32(`${arch}.rope.freq_base`, shape.ropeTheta)
  if (arch === 'llama') {
    u32('llama.rope.dimension_count', shape.headDim)
    u32('llama.vocab_size', shape.vocabSize)
  }
  string('tokenizer.ggml.model', 'gpt2')
  string('tokenizer.ggml.pre', vocabulary.pre)
  const rows = vocabularyRows(shape, vocabulary)
  array('tokenizer.ggml.tokens', STRING, rows.length)
  for (const [token] of rows) out.string(token)
  array('tokenizer.ggml.token_type', I32, rows.length)
  for (const [, type] of rows) out.u32(type)
  array('tokenizer.ggml.merges', STRING, vocabulary.merges.length)
  for (const merge of vocabulary.merges) out.string(merge)
  u32('tokenizer.ggml.bos_token_id', vocabulary.bosId)
  u32('tokenizer.ggml.eos_token_id', vocabulary.eosIds[0])
  u32('tokenizer.ggml.padding_token_id', vocabulary.padId)
  key('tokenizer.ggml.add_bos_token', BOOL)
  out.bool(vocabulary.addBos)
  string('tokenizer.chat_template', vocabulary.chatTemplate)
  return count
}

/**
 * Token and type of every row of the embedding; rows without a token become unused "[PADn]".
 * @param {import('./shapes.mjs').Shape} shape
 * @param {import('./tokenizer.mjs').Vocabulary} vocabulary
 * @returns {[string, number][]}
 */
function vocabularyRows (shape, { tokens, added }) {
  /** @type {[string, number][]} */
  const rows = tokens.map(token => [token, NORMAL])
  for (const { content, special } of added) rows.push([content, special ? CONTROL : USER_DEFINED])
  while (rows.length < shape.vocabSize) rows.push([`[PAD${rows.length}]`, UNUSED])
  return rows
}

/**
 * rope_freqs.weight, by which each inverse frequency is divided: (headDim / 2,). The llama3 rule of Hugging Face's configs.
 * @param {import('./shapes.mjs').Shape} shape
 */
export function ropeFactors ({ headDim, ropeTheta, ropeScaling }) {
  if (ropeScaling === undefined) return undefined
  const { factor, low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: original } = ropeScaling
  return Float32Array.from({ length: headDim / 2 }, (_, i) => {
    const turns = original / (2 * Math.PI * ropeTheta ** (2 * i / headDim))
    const smooth = Math.min(1, Math.max(0, (turns - low) / (high - low)))
    return 1 / ((1 - smooth) / factor + smooth)
  })
}
