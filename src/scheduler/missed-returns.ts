import type { ParkedKv } from './parked-kv.js'
import { ReturnIndex, type Returnable } from './return-index.js'
import type { Sequence } from './sequence.js'

/** A wait for a tool whose KV could not be kept. */
export interface MissedReturn extends Returnable {
  readonly id: number
  readonly sinceMs: number
  readonly tool: string
}

/** About 0.5 MB with blocks of 16 tokens. */
const maxEntries = 4096

/**
 * Waits for tools that go on after their KV was given up. Without them the durations that are learnt would
 * be those of short waits alone, and who comes back late would count as new.
 */
export class MissedReturns {
  readonly #blockTokens: number
  readonly #byId = new Map<number, MissedReturn>()
  readonly #index: ReturnIndex<MissedReturn>

  constructor (blockTokens: number) {
    this.#blockTokens = blockTokens
    this.#index = new ReturnIndex(blockTokens)
  }

  /** Does nothing where no tool was called. The oldest go when there are too many. */
  remember ({ id, sinceMs, tool, key, sessionId, tokens }: ParkedKv): void {
    if (tool === undefined) return
    const missed = { id, sinceMs, tool, key, sessionId, tokens: tokens.slice(0, this.#blockTokens) }
    this.#byId.set(id, missed)
    this.#index.add(missed)
    if (this.#byId.size > maxEntries) this.#forget(this.#byId.values().next().value!)
  }

  /** The wait that this new sequence ends; each ends once. */
  take (sequence: Sequence): MissedReturn | undefined {
    if (this.#byId.size === 0) return undefined
    const missed = this.#byId.get(sequence.resumes ?? -1) ?? this.#index.find(sequence, () => true)
    if (missed !== undefined) this.#forget(missed)
    return missed
  }

  #forget (missed: MissedReturn): void {
    this.#byId.delete(missed.id)
    this.#index.delete(missed)
  }
}
