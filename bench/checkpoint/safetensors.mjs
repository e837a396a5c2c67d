// Lays tensors out in safetensors files of at most 5 GB, as large Hugging Face checkpoints are.

const SHARD_BYTES = 5e9

/**
 * @typedef {{ weight: import('./shapes.mjs').Weight, bytes: number }} Item
 * @typedef {{ file: string, head: Buffer, items: (Item & { paddedBytes: number })[] }} FilePlan
 */

/**
 * The files to write, each a header followed by its tensors without gaps, and the index when there is more than one.
 * @param {Item[]} items
 * @param {string} dtype the type's name in the header
 * @returns {{ files: FilePlan[], index: object | undefined }}
 */
export function planSafetensors (items, dtype) {
  const shards = splitIntoShards(items)
  const nameOf = (/** @type {number} */ i) => shards.length === 1
    ? 'model.safetensors'
    : `model-${pad(i + 1)}-of-${pad(shards.length)}.safetensors`
  const files = shards.map((shard, i) => ({
    file: nameOf(i), head: header(shard, dtype), items: shard.map(item => ({ ...item, paddedBytes: item.bytes }))
  }))
  const index = {
    metadata: { total_size: items.reduce((sum, item) => sum + item.bytes, 0) },
    weight_map: Object.fromEntries(files.flatMap(({ file, items }) => items.map(({ weight }) => [weight.name, file])))
  }
  return { files, index: files.length > 1 ? index : undefined }
}

/** @param {number} n */
const pad = n => String(n).padStart(5, '0')

/** @param {Item[]} items */
function splitIntoShards (items) {
  /** @type {Item[][]} */
  const shards = [[]]
  let bytes = 0
  for (const item of items) {
    if (bytes > 0 && bytes + item.bytes > SHARD_BYTES) {
      shards.push([])
      bytes = 0
    }
    shards[shards.length - 1].push(item)
    bytes += item.bytes
  }
  return shards
}

/**
 * Length (8 bytes), then JSON padded with spaces so that the data starts on a multiple of 8.
 * @param {Item[]} items
 * @param {string} dtype
 */
function header (items, dtype) {
  let at = 0
  /** @type {Record<string, object>} */
  const entries = { __metadata__: { format: 'pt' } }
  for (const { weight, bytes } of items) {
    const shape = weight.norm ? [weight.rows] : [weight.rows, weight.cols]
    entries[weight.name] = { dtype, shape, data_offsets: [at, at + bytes] }
    at += bytes
  }
  const json = Buffer.from(JSON.stringify(entries))
  const size = Math.ceil(json.length / 8) * 8
  const out = Buffer.alloc(8 + size, ' ')
  out.writeBigUInt64LE(BigInt(size))
  json.copy(out, 8)
  return out
}
