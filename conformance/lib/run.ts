import type { Item } from '../items.js'
import type { Target } from './target.js'
import { Failure, NotApplicable } from './verdict.js'

/** The test of each item: it returns when the item passes, and throws a sentence when not. */
export type Checks = Readonly<Record<number, (target: Target) => Promise<void>>>

export type Outcome = 'passed' | 'failed' | 'notApplicable'

export interface Result extends Item {
  readonly outcome: Outcome
  /** Missing when it passed. */
  readonly reason?: string
  readonly ms: number
}

/** No item needs this long; one that waits for ever must not keep the others from being judged. */
const patienceMs = 600_000

export async function runItem (item: Item, checks: Checks, target: Target): Promise<Result> {
  const began = performance.now()
  const verdict = await judge(checks[item.number]!, target)
  return { ...item, ...verdict, ms: Math.round(performance.now() - began) }
}

async function judge (check: (target: Target) => Promise<void>, target: Target): Promise<{ outcome: Outcome, reason?: string }> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => { reject(new Failure(`it was not done after ${patienceMs / 60_000} minutes`)) }, patienceMs)
  })
  try {
    await Promise.race([check(target), late])
    return { outcome: 'passed' }
  } catch (error) {
    if (error instanceof NotApplicable) return { outcome: 'notApplicable', reason: error.message }
    // A body that is not as expected makes the test trip over it: that is the server's failure too.
    const reason = error instanceof Error ? error.message : String(error)
    return { outcome: 'failed', reason: error instanceof TypeError ? `the answer has not the expected form (${reason})` : reason }
  } finally {
    clearTimeout(timer)
  }
}
