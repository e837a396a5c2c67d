export type Phase = 'queue' | 'prefill' | 'decode' | 'preempted'

/** Divides a sequence's time between phases, so that the parts sum to the whole. */
export class PhaseClock {
  readonly startMs: number
  readonly spentMs: Record<Phase, number> = { queue: 0, prefill: 0, decode: 0, preempted: 0 }
  #phase: Phase = 'queue'
  #sinceMs: number
  #stoppedMs: number | undefined

  constructor (startMs: number) {
    this.startMs = startMs
    this.#sinceMs = startMs
  }

  /** The time until now belongs to the phase that ends here, if it is another. */
  enter (phase: Phase, nowMs: number): void {
    if (phase === this.#phase) return
    this.#add(nowMs)
    this.#phase = phase
  }

  /** Ends the phase that runs; the parts sum to `nowMs - startMs`. */
  stop (nowMs: number): void {
    this.#add(nowMs)
    this.#stoppedMs = nowMs
  }

  /** Undefined while it runs. */
  get stoppedMs (): number | undefined {
    return this.#stoppedMs
  }

  #add (nowMs: number): void {
    this.spentMs[this.#phase] += nowMs - this.#sinceMs
    this.#sinceMs = nowMs
  }
}
