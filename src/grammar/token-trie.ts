/** The bytes of all tokens that have a text, one after another. */
export interface Vocabulary {
  /** One more than the largest id that the model can sample. */
  readonly size: number
  /** Token i is [starts[i], starts[i + 1]) of `bytes`; empty for special tokens and unused ids: (size + 1,) */
  readonly starts: Int32Array
  readonly bytes: Uint8Array
}

/**
 * A vocabulary as a tree by bytes. Nodes are in the order of a walk, parents first; the root is left out, and node i's
 * descendants are (i, ends[i]).
 */
export interface TokenTrie {
  readonly vocabSize: number
  readonly maxTokenBytes: number
  /** The byte that leads to the node: (nodes,) */
  readonly bytes: Uint8Array
  /** 1 for children of the root: (nodes,) */
  readonly depths: Int32Array
  /** (nodes,) */
  readonly ends: Int32Array
  /** A token that ends at the node, or -1: (nodes,) */
  readonly tokens: Int32Array
  /** Another token with the same bytes, or -1: (vocabSize,) */
  readonly sameBytes: Int32Array
}

export function buildTokenTrie ({ size, starts, bytes }: Vocabulary): TokenTrie {
  const order = sortedTokens(size, starts, bytes)
  const nodeBytes: number[] = []
  const depths: number[] = []
  const tokens: number[] = []
  const sameBytes = new Int32Array(size).fill(-1)
  const ends: number[] = []
  /** Nodes on the way to the last token. */
  const path: number[] = []
  let maxTokenBytes = 0
  for (const id of order) {
    const first = starts[id]!
    const length = starts[id + 1]! - first
    maxTokenBytes = Math.max(maxTokenBytes, length)
    let shared = 0
    while (shared < path.length && shared < length && nodeBytes[path[shared]!] === bytes[first + shared]) shared++
    for (const closed of path.splice(shared)) ends[closed] = nodeBytes.length
    for (let depth = shared; depth < length; depth++) {
      path.push(nodeBytes.length)
      nodeBytes.push(bytes[first + depth]!)
      depths.push(depth + 1)
      tokens.push(-1)
      ends.push(0)
    }
    const node = path[length - 1]!
    sameBytes[id] = tokens[node]!
    tokens[node] = id
  }
  for (const closed of path) ends[closed] = nodeBytes.length
  return {
    vocabSize: size,
    maxTokenBytes: Math.max(1, maxTokenBytes),
    bytes: Uint8Array.from(nodeBytes),
    depths: Int32Array.from(depths),
    ends: Int32Array.from(ends),
    tokens: Int32Array.from(tokens),
    sameBytes
  }
}

/** Ids with bytes, in the order of these. */
function sortedTokens (size: number, starts: Int32Array, bytes: Uint8Array): number[] {
  const ids: number[] = []
  for (let id = 0; id < size; id++) if (starts[id + 1]! > starts[id]!) ids.push(id)
  return ids.sort((a, b) => {
    const length = Math.min(starts[a + 1]! - starts[a]!, starts[b + 1]! - starts[b]!)
    for (let i = 0; i < length; i++) {
      const difference = bytes[starts[a]! + i]! - bytes[starts[b]! + i]!
      if (difference !== 0) return difference
    }
    return (starts[a + 1]! - starts[a]!) - (starts[b + 1]! - starts[b]!)
  })
}
