import fc from 'fast-check'
import type { Test } from 'tap'

export interface RunLimits {
  readonly seed: number
  /** The run ends after this; a failure that was found is made smaller for as long again. */
  readonly timeMs: number
}

export interface Inputs<T> {
  /** Tried first, whatever the time. */
  readonly examples: readonly T[]
  readonly drawn: fc.Arbitrary<T>
}

/** Draws inputs until the time is over; a failure is told with the smallest input that has it. */
export async function holds<T> (t: Test, { examples, drawn }: Inputs<T>, { seed, timeMs }: RunLimits, check: (input: T) => Promise<void>): Promise<number> {
  let runs = 0
  const property = fc.asyncProperty(drawn, async input => {
    runs++
    await check(input)
  })
  for (const example of examples) await check(example)
  const { counterexample, errorInstance, counterexamplePath } = await fc.check(property, {
    seed, numRuns: Number.MAX_SAFE_INTEGER, interruptAfterTimeLimit: timeMs, markInterruptAsFailure: false
  })
  // A run that is over before its first input is through has none either.
  const failed = counterexample !== null
  t.notOk(failed, failed ? `${String(errorInstance)}\nseed ${seed}, path ${counterexamplePath}\n${fc.stringify(counterexample).slice(0, 3000)}` : 'every input')
  return runs
}
