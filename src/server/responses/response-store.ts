import { createHash } from 'node:crypto'
import type { ChatMessage } from '../../engine/api.js'
import type { InputItem } from '../schemas/responses-request.js'

/** A response that can be asked for again, and gone on from. */
export interface StoredResponse {
  /** Whose it is: nobody else sees it. */
  readonly owner: string
  /** As it was answered. */
  readonly response: { readonly id: string }
  /** What its request had in `input`. */
  readonly input: ReadonlyArray<InputItem & { readonly id: string }>
  /** All of the conversation with the answer at its end, without instructions. */
  readonly conversation: readonly ChatMessage[]
}

export interface ResponseStoreLimits {
  /** 0 = nothing is stored. */
  readonly maxEntries: number
  readonly maxBytes: number
  /** An entry that nobody has asked for in this time is gone. */
  readonly maxIdleMs: number
}

/** Who sends a request, as far as its key tells. */
export function ownerOf (authorization = ''): string {
  return createHash('sha256').update(authorization).digest('base64')
}

interface Entry {
  readonly stored: StoredResponse
  readonly bytes: number
  usedMs: number
}

/**
 * Responses in memory, those that were used last. Texts that conversations share are counted for each of them, so that
 * what is held never exceeds the limit, however responses build on each other.
 */
export class ResponseStore {
  readonly #limits: ResponseStoreLimits
  readonly #now: () => number
  /** Least recently used first: also those that expire first. */
  readonly #entries = new Map<string, Entry>()
  #bytes = 0

  constructor (limits: ResponseStoreLimits, now: () => number = () => performance.now()) {
    this.#limits = limits
    this.#now = now
  }

  get count (): number {
    return this.#entries.size
  }

  get bytes (): number {
    return this.#bytes
  }

  /** Those that were used longest ago make room; one that is larger than all the room is not kept. */
  put (stored: StoredResponse): void {
    this.#dropExpired()
    const bytes = heldBytes(stored)
    if (bytes > this.#limits.maxBytes || this.#limits.maxEntries === 0) return
    this.#entries.set(stored.response.id, { stored, bytes, usedMs: this.#now() })
    this.#bytes += bytes
    while (this.#bytes > this.#limits.maxBytes || this.#entries.size > this.#limits.maxEntries) this.#dropOldest()
  }

  get (id: string, owner: string): StoredResponse | undefined {
    this.#dropExpired()
    const entry = this.#entries.get(id)
    if (entry?.stored.owner !== owner) return undefined
    entry.usedMs = this.#now()
    this.#entries.delete(id)
    this.#entries.set(id, entry)
    return entry.stored
  }

  /** Whether it was there. */
  delete (id: string, owner: string): boolean {
    if (this.get(id, owner) === undefined) return false
    this.#drop(id)
    return true
  }

  #dropExpired (): void {
    const before = this.#now() - this.#limits.maxIdleMs
    for (const { usedMs, stored: { response } } of this.#entries.values()) {
      if (usedMs >= before) return
      this.#drop(response.id)
    }
  }

  #dropOldest (): void {
    for (const id of this.#entries.keys()) {
      this.#drop(id)
      return
    }
  }

  #drop (id: string): void {
    this.#bytes -= this.#entries.get(id)!.bytes
    this.#entries.delete(id)
  }
}

/** Of an object, a list, a text, or a member of an object, beside what it holds. */
const nodeBytes = 64

/** What a value holds in memory: an estimate from above. */
function heldBytes (value: unknown): number {
  if (typeof value === 'string') return nodeBytes + 2 * value.length
  if (typeof value !== 'object' || value === null) return 8
  let bytes = nodeBytes
  if (Array.isArray(value)) for (const part of value) bytes += heldBytes(part)
  else for (const [name, part] of Object.entries(value)) bytes += nodeBytes + 2 * name.length + heldBytes(part)
  return bytes
}
