import type { GenerationChunk, TokenLogprob } from './api.js'
import { addDelta, type DeltaDraft } from './call-filter.js'

/** A chunk that more may be added to. */
export type ChunkDraft = { -readonly [Key in keyof GenerationChunk]: GenerationChunk[Key] } & {
  tokenIds: number[], logprobs?: TokenLogprob[], toolCallDeltas?: DeltaDraft[]
}

type Result = IteratorResult<GenerationChunk, undefined>
interface Waiter { resolve (result: Result): void, reject (error: Error): void }

/**
 * Chunks between the engine and one consumer. A consumer that does not keep up finds fewer and longer
 * ones: what waits is at most one chunk for each choice, and for each run of text between events of tools.
 */
export class ChunkQueue implements AsyncIterator<GenerationChunk, undefined> {
  /** Oldest first. Empty while somebody waits. */
  readonly #pending = new Set<ChunkDraft>()
  /** The last one of each choice, which may have been read. */
  readonly #last = new Map<number, ChunkDraft>()
  readonly #waiters: Waiter[] = []
  #ended = false
  #error: Error | undefined
  readonly #onLeave: () => void

  /** `onLeave`: the consumer ended the iteration early. */
  constructor (onLeave: () => void) {
    this.#onLeave = onLeave
  }

  /** The chunk is the queue's from here on, and then the consumer's. */
  push (chunk: ChunkDraft): void {
    if (this.#waiters.length > 0) {
      // As a rule there is one, and pop() is V8's own machine code where shift() is a call out of it.
      const waiter = this.#waiters.length === 1 ? this.#waiters.pop()! : this.#waiters.shift()!
      waiter.resolve({ done: false, value: chunk })
      return
    }
    const last = this.#last.get(chunk.index)
    if (last !== undefined && this.#pending.has(last) && canFollow(last, chunk)) {
      merge(last, chunk)
      return
    }
    this.#pending.add(chunk)
    this.#last.set(chunk.index, chunk)
  }

  /** No more chunks; those that wait can still be read, before the error. */
  end (error?: Error): void {
    this.#ended = true
    this.#error = error
    for (const waiter of this.#waiters.splice(0)) this.#settle(waiter)
  }

  // Not an async function: one promise a chunk, not three.

  next (): Promise<Result> {
    if (this.#pending.size > 0) {
      const chunk = this.#pending.values().next().value!
      this.#pending.delete(chunk)
      return Promise.resolve({ done: false, value: chunk })
    }
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject }
      if (this.#ended) this.#settle(waiter)
      else this.#waiters.push(waiter)
    })
  }

  async return (): Promise<Result> {
    if (!this.#ended) this.#onLeave()
    this.#pending.clear()
    this.#error = undefined
    return { done: true, value: undefined }
  }

  /** Nothing is left: one consumer learns of an error, once. */
  #settle (waiter: Waiter): void {
    const error = this.#error
    this.#error = undefined
    if (error === undefined) waiter.resolve({ done: true, value: undefined })
    else waiter.reject(error)
  }
}

/** Of one chunk, thoughts come before the text, and that before calls. */
function canFollow (last: ChunkDraft, chunk: ChunkDraft): boolean {
  return isText(last) && isText(chunk) && (chunk.reasoning === undefined || last.text === '') &&
    (last.toolCallDeltas === undefined || (chunk.text === '' && chunk.reasoning === undefined))
}

function isText ({ toolCalls, toolResults }: ChunkDraft): boolean {
  return toolCalls === undefined && toolResults === undefined
}

function merge (draft: ChunkDraft, chunk: ChunkDraft): void {
  draft.text += chunk.text
  if (chunk.reasoning !== undefined) draft.reasoning = (draft.reasoning ?? '') + chunk.reasoning
  if (chunk.toolCallDeltas !== undefined) {
    for (const delta of chunk.toolCallDeltas) addDelta(draft.toolCallDeltas ??= [], delta)
  }
  // Arguments are bounded in number, and what waits for a slow reader is not.
  for (const id of chunk.tokenIds) draft.tokenIds.push(id)
  for (const logprob of chunk.logprobs ?? []) draft.logprobs?.push(logprob)
  if (chunk.finishReason !== undefined) draft.finishReason = chunk.finishReason
}
