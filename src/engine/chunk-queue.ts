import type { GenerationChunk, TokenLogprob } from './api.js'

type Draft = { -readonly [Key in keyof GenerationChunk]: GenerationChunk[Key] } & { tokenIds: number[], logprobs?: TokenLogprob[] }

/**
 * Chunks between the engine and one consumer. A consumer that does not keep up finds fewer and longer
 * ones: what waits is at most one chunk for each choice.
 */
export class ChunkQueue implements AsyncIterator<GenerationChunk, undefined> {
  readonly #pending = new Map<number, Draft>()
  #wake: (() => void) | undefined
  #ended = false
  #error: Error | undefined
  readonly #onLeave: () => void

  /** `onLeave`: the consumer ended the iteration early. */
  constructor (onLeave: () => void) {
    this.#onLeave = onLeave
  }

  push (chunk: GenerationChunk): void {
    const waiting = this.#pending.get(chunk.index)
    if (waiting === undefined) this.#pending.set(chunk.index, copyOf(chunk))
    else merge(waiting, chunk)
    this.#wakeUp()
  }

  /** No more chunks; those that wait can still be read, before the error. */
  end (error?: Error): void {
    this.#ended = true
    this.#error = error
    this.#wakeUp()
  }

  async next (): Promise<IteratorResult<GenerationChunk, undefined>> {
    for (;;) {
      for (const [index, chunk] of this.#pending) {
        this.#pending.delete(index)
        return { done: false, value: chunk }
      }
      if (this.#ended) {
        const error = this.#error
        this.#error = undefined
        if (error !== undefined) throw error
        return { done: true, value: undefined }
      }
      await new Promise<void>(resolve => { this.#wake = resolve })
    }
  }

  async return (): Promise<IteratorResult<GenerationChunk, undefined>> {
    if (!this.#ended) this.#onLeave()
    this.#pending.clear()
    this.#error = undefined
    return { done: true, value: undefined }
  }

  #wakeUp (): void {
    this.#wake?.()
    this.#wake = undefined
  }
}

function copyOf (chunk: GenerationChunk): Draft {
  const { logprobs, ...rest } = chunk
  return { ...rest, tokenIds: [...chunk.tokenIds], ...logprobs === undefined ? {} : { logprobs: [...logprobs] } }
}

function merge (draft: Draft, chunk: GenerationChunk): void {
  draft.text += chunk.text
  draft.tokenIds.push(...chunk.tokenIds)
  if (chunk.logprobs !== undefined) draft.logprobs?.push(...chunk.logprobs)
  if (chunk.finishReason !== undefined) draft.finishReason = chunk.finishReason
}
