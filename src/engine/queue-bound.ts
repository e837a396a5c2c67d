import { OverloadedError } from '../core/errors.js'
import type { Backlog } from '../scheduler/scheduler-options.js'

export interface QueueBoundOptions {
  readonly maxQueuedRequests: number
  readonly maxQueuedTokens: number
  readonly backlog: () => Backlog
  /** Until the last of what is queued would run. */
  readonly waitMs: () => number
}

/** English has some four characters a token; others have fewer, and are counted when they are tokenised. */
const charactersPerToken = 4

export function estimatedTokens (characters: number): number {
  return Math.ceil(characters / charactersPerToken)
}

/** Of a prompt that has not been checked: a text, or token ids. */
export function estimatedPromptTokens (prompt: unknown): number {
  if (typeof prompt === 'string') return estimatedTokens(prompt.length)
  return Array.isArray(prompt) || prompt instanceof Int32Array ? prompt.length : 0
}

/** Of messages that have not been checked. */
export function estimatedMessageTokens (messages: unknown): number {
  if (!Array.isArray(messages)) return 0
  return (messages as unknown[]).reduce((sum: number, message) => sum + estimatedPromptTokens((message as { content?: unknown } | null | undefined)?.content), 0)
}

const maxChoices = 128

/** Of options that have not been checked: what cannot be is refused later, and is one until then. */
export function choicesOf ({ n = 1 }: { readonly n?: number | undefined }): number {
  return Number.isInteger(n) && n >= 1 && n <= maxChoices ? n : 1
}

/** One request on its way into the queue. */
export interface QueueEntry {
  /**
   * Its prompt's tokens are known now.
   *
   * @throws OverloadedError when they are more than the queue has room for
   */
  tokenised (tokens: number): void
  /** It is in the scheduler's queue, or has ended. */
  leave (): void
}

/**
 * The bound of the queue, in sequences and in prompt tokens. What is being rendered and tokenised is in the
 * queue too: a prompt that has no room in it is refused before that work, by its length. What comes when
 * nothing waits is taken however large it is: refused once, it would be refused for ever.
 */
export class QueueBound {
  readonly #options: QueueBoundOptions
  /** Of those that are not in the scheduler's queue yet. */
  #sequences = 0
  #tokens = 0

  constructor (options: QueueBoundOptions) {
    this.#options = options
  }

  /** @throws OverloadedError when there is no room for so many more */
  check (sequences: number, tokens: number): void {
    const { maxQueuedRequests, backlog } = this.#options
    const { sequences: waiting, freeRows } = backlog()
    const queued = waiting + this.#sequences - freeRows
    if (queued > 0 && queued + sequences > maxQueuedRequests) {
      throw new OverloadedError('queuedRequests', `The queue is full: ${queued} requests wait, and at most ${maxQueuedRequests} may.`,
        this.#untilFree(sequences + queued - maxQueuedRequests, queued))
    }
    this.#checkTokens(tokens)
  }

  /** @throws OverloadedError when there is no room for it */
  enter (sequences: number, tokens: number): QueueEntry {
    this.check(sequences, tokens)
    let held = { sequences, tokens }
    const change = (next: { sequences: number, tokens: number }): void => {
      this.#sequences += next.sequences - held.sequences
      this.#tokens += next.tokens - held.tokens
      held = next
    }
    this.#sequences += sequences
    this.#tokens += tokens
    return {
      tokenised: exact => {
        change({ sequences, tokens: 0 })
        this.#checkTokens(exact)
        change({ sequences, tokens: exact })
      },
      leave: () => { change({ sequences: 0, tokens: 0 }) }
    }
  }

  #checkTokens (tokens: number): void {
    const { maxQueuedTokens, backlog } = this.#options
    const queued = backlog().promptTokens + this.#tokens
    if (queued > 0 && queued + tokens > maxQueuedTokens) {
      throw new OverloadedError('queuedTokens', `The queue has no room for a prompt of about ${tokens} tokens: ${queued} wait, and at most ${maxQueuedTokens} may.`,
        this.#untilFree(queued + tokens - maxQueuedTokens, queued))
    }
  }

  /** An eighth of the queue at least: whoever is refused should not come back for every single place. */
  #untilFree (missing: number, queued: number): number {
    return this.#options.waitMs() * Math.min(1, Math.max(1 / 8, missing / queued))
  }
}
