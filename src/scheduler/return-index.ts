import type { Sequence } from './sequence.js'

/** What a return is known by. */
export interface Returnable {
  /** First half of the prefix key of the last full block; undefined without prefix keys. */
  readonly key: bigint | undefined
  readonly sessionId: string | undefined
  /** Those of the first block at least. */
  readonly tokens: Int32Array
}

/** Finds what a new sequence goes on with: what its prompt continues, else what its session left last. */
export class ReturnIndex<T extends Returnable> {
  readonly #blockTokens: number
  readonly #byKey = new Map<bigint, T>()
  readonly #bySession = new Map<string, T>()

  constructor (blockTokens: number) {
    this.#blockTokens = blockTokens
  }

  add (entry: T): void {
    if (entry.key !== undefined) this.#byKey.set(entry.key, entry)
    if (entry.sessionId !== undefined) this.#bySession.set(entry.sessionId, entry)
  }

  delete (entry: T): void {
    if (entry.key !== undefined && this.#byKey.get(entry.key) === entry) this.#byKey.delete(entry.key)
    if (entry.sessionId !== undefined && this.#bySession.get(entry.sessionId) === entry) this.#bySession.delete(entry.sessionId)
  }

  find (sequence: Sequence, isFree: (entry: T) => boolean): T | undefined {
    return this.#matching(sequence, isFree) ?? this.#ofSession(sequence, isFree)
  }

  /** Looks for the sequence's full blocks from the last one on: each is the end of at most one. */
  #matching (sequence: Sequence, isFree: (entry: T) => boolean): T | undefined {
    const keys = sequence.prefixKeys
    if (keys === undefined || this.#byKey.size === 0) return undefined
    const view = new DataView(keys.buffer, keys.byteOffset, keys.byteLength)
    for (let end = keys.byteLength; end >= keyBytes; end -= keyBytes) {
      const entry = this.#byKey.get(view.getBigUint64(end - keyBytes))
      if (entry !== undefined && isFree(entry)) return entry
    }
    return undefined
  }

  /** Names of sessions are the clients': who only has the name, and another prompt, takes nothing from its owner. */
  #ofSession (sequence: Sequence, isFree: (entry: T) => boolean): T | undefined {
    const entry = sequence.sessionId === undefined ? undefined : this.#bySession.get(sequence.sessionId)
    if (entry === undefined || !isFree(entry) || commonTokens(entry.tokens, sequence.tokens) < this.#blockTokens) return undefined
    return entry
  }
}

/** How many tokens two sequences begin with alike. */
export function commonTokens (a: Int32Array, b: Int32Array): number {
  const most = Math.min(a.length, b.length)
  let count = 0
  while (count < most && a[count] === b[count]) count++
  return count
}

const keyBytes = 32

/** See `Returnable.key`, of a sequence's computed tokens. */
export function lastBlockKey (sequence: Sequence, blockTokens: number): bigint | undefined {
  const end = Math.floor(sequence.computed / blockTokens) * keyBytes
  const keys = sequence.prefixKeys
  if (keys === undefined || end === 0 || keys.byteLength < end) return undefined
  return new DataView(keys.buffer, keys.byteOffset, keys.byteLength).getBigUint64(end - keyBytes)
}
