import type { Sequence, SequenceOptions } from '../../src/scheduler/sequence.js'
import { Sequence as PlainSequence } from '../../src/scheduler/sequence.js'
import { SeededRandom } from '../../src/simulator/random.js'

/** Mixed requests: with SLOs and without, of all sizes, links and priorities, one in ten after a tool call. */
export class RequestSource {
  readonly #random: SeededRandom
  #lastId = 0

  constructor (seed: number) {
    this.#random = new SeededRandom(seed)
  }

  next (arrivalMs: number, promptTokens: number): Sequence {
    const random = this.#random
    const options: SequenceOptions = {
      id: ++this.#lastId,
      arrivalMs,
      promptIds: new Int32Array(promptTokens),
      maxTokens: 1000,
      priority: Math.floor(random.uniform(0, 3)),
      linkHealth: random.next(),
      predictedTokens: Math.ceil(random.uniform(1, 800)),
      slo: random.next() < 0.2 ? {} : { ttftMs: random.uniform(500, 60_000), deadlineMs: random.uniform(20_000, 400_000) },
      isResumed: random.next() < 0.1
    }
    return new PlainSequence(options)
  }
}
