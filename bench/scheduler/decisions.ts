import { RowStatus } from '../../src/core/step.js'
import { loadAddon } from '../../src/native/addon.js'
import { createPolicy } from '../../src/scheduler/policies/index.js'
import { Scheduler } from '../../src/scheduler/scheduler.js'
import { median, percentile } from '../lib/statistics.js'
import { RequestSource } from './waiting.js'

const slots = 32
const stepMs = 50
const blockTokens = 16
const promptTokens = 16

export interface DecisionTimes {
  readonly policy: string
  readonly waiting: number
  readonly medianUs: number
  readonly p99Us: number
  /** Mean of all but the slowest hundredth, which is the collector's and the machine's. */
  readonly meanUs: number
}

/** Plans of a full engine in which one sequence ends each step and another takes its place, while time goes on. */
export function measureDecisions (name: string, waiting: number, plans: number): DecisionTimes {
  const scheduler = new Scheduler({
    pool: loadAddon().createKvPool(slots * 64, blockTokens, 0),
    maxNumSeqs: slots,
    maxBatchTokens: 512,
    maxSequenceTokens: 1024,
    maxOutstanding: 1,
    policy: createPolicy(name)
  })
  const source = new RequestSource(1)
  const add = (arrivalMs: number) => { scheduler.add(source.next(arrivalMs, promptTokens)) }
  const spanMs = 60_000
  for (let i = 0; i < waiting + slots; i++) add(i / (waiting + slots) * spanMs)

  const result = { tokenStarts: new Int32Array(slots + 1), tokens: new Int32Array(slots), statuses: new Int32Array(slots) }
  const times: number[] = []
  const warmUp = Math.ceil(plans / 4)
  let nowMs = spanMs
  for (let count = 0; count < warmUp + plans; count++) {
    const start = performance.now()
    const plan = scheduler.plan(nowMs)
    const us = (performance.now() - start) * 1000
    if (plan === undefined) throw new Error('There was nothing to plan.')
    if (count >= warmUp) times.push(us)
    for (let row = 0; row < plan.numRows; row++) {
      // One in the place of the one that was admitted: the queue stays as long as it is.
      result.statuses[row] = row === count % plan.numRows ? RowStatus.stop : RowStatus.running
      result.tokenStarts[row + 1] = row + 1
    }
    nowMs += stepMs
    scheduler.commit(plan.id, result, nowMs)
    add(nowMs)
  }
  const usual = [...times].sort((a, b) => a - b).slice(0, Math.ceil(times.length * 0.99))
  return {
    policy: name,
    waiting,
    medianUs: median(times),
    p99Us: percentile(times, 99),
    meanUs: usual.reduce((sum, us) => sum + us, 0) / usual.length
  }
}
