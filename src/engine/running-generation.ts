import type { Generation, GenerationChunk, GenerationResult } from './api.js'
import { ChunkQueue, type ChunkDraft } from './chunk-queue.js'

/** The engine's end of a `Generation`, and the caller's. */
export class RunningGeneration implements Generation {
  readonly requestId: string
  readonly accepted: Promise<void>
  readonly #result: Promise<GenerationResult>
  readonly #chunks: ChunkQueue
  readonly #onAbort: () => void
  #isIterated = false
  #accept!: () => void
  #refuse!: (error: Error) => void
  #resolve!: (result: GenerationResult) => void
  #reject!: (error: Error) => void

  constructor (requestId: string, onAbort: () => void) {
    this.requestId = requestId
    this.#onAbort = onAbort
    this.#chunks = new ChunkQueue(onAbort)
    this.accepted = new Promise((resolve, reject) => {
      this.#accept = resolve
      this.#refuse = reject
    })
    this.#result = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // A caller may look at one of the three and not at the others.
    this.accepted.catch(() => {})
    this.#result.catch(() => {})
  }

  async result (): Promise<GenerationResult> {
    return await this.#result
  }

  abort (): void {
    this.#onAbort()
  }

  [Symbol.asyncIterator] (): AsyncIterator<GenerationChunk> {
    if (this.#isIterated) throw new TypeError('A generation can be iterated once; result() has the whole of it.')
    this.#isIterated = true
    return this.#chunks
  }

  /** The engine's side from here on. */
  markAccepted (): void {
    this.#accept()
  }

  /** The chunk is the generation's from here on. */
  push (chunk: ChunkDraft): void {
    this.#chunks.push(chunk)
  }

  finish (result: GenerationResult): void {
    this.#accept()
    this.#chunks.end()
    this.#resolve(result)
  }

  fail (error: Error): void {
    this.#refuse(error)
    this.#chunks.end(error)
    this.#reject(error)
  }
}
