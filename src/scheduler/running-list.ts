import { compareRanks } from './policy.js'
import type { Sequence } from './sequence.js'

/**
 * Sequences that hold blocks, in the order of the ranks with which they came. Those that leave it stay inside, in another state, until
 * `compact`: so it can be walked while sequences are preempted.
 */
export class RunningList<S extends Sequence> {
  readonly #items: S[] = []
  /** Sequences that run. */
  size = 0

  /** All inside; look at `state`. */
  get items (): readonly S[] {
    return this.#items
  }

  insert (sequence: S): void {
    sequence.state = 'running'
    this.size++
    let place = this.#items.length
    while (place > 0 && compareRanks(sequence, this.#items[place - 1]!) < 0) place--
    this.#items.splice(place, 0, sequence)
  }

  /** A sequence has been given, or is about to be given, another state. */
  leave (): void {
    this.size--
  }

  compact (): void {
    if (this.#items.length === this.size) return
    let kept = 0
    for (const sequence of this.#items) {
      if (sequence.state === 'running') this.#items[kept++] = sequence
    }
    this.#items.length = kept
  }
}
