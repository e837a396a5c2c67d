import type { Plan } from '../../src/scheduler/plan.js'
import { Scheduler } from '../../src/scheduler/scheduler.js'
import type { SchedulerOptions } from '../../src/scheduler/scheduler-options.js'
import { Sequence, type SequenceOptions } from '../../src/scheduler/sequence.js'
import { createPool } from './pool.js'
import { ScriptedSteps } from './scripted-steps.js'

/** Of the pool. */
export const blockTokens = 4

/** A scheduler over a pool of its own, with a script of tokens for each sequence and a clock that ticks. */
export function setup (options: Partial<SchedulerOptions<Sequence>> & { blocks?: number, hostBlocks?: number } = {}) {
  const pool = createPool(options.blocks ?? 64, blockTokens, options.hostBlocks ?? 0)
  const scheduler = new Scheduler<Sequence>({ pool, maxNumSeqs: 8, maxBatchTokens: 32, maxSequenceTokens: 256, ...options })
  const steps = new ScriptedSteps()
  let nextId = 1
  let now = 0
  const add = (promptTokens: number, extra: Partial<SequenceOptions> & { stopAfter?: number } = {}): Sequence => {
    const promptIds = extra.promptIds ?? Int32Array.from({ length: promptTokens }, (_, i) => i + 1)
    const sequence = new Sequence({ id: nextId++, arrivalMs: now, maxTokens: 8, ...extra, promptIds })
    scheduler.add(sequence)
    const generated = extra.stopAfter ?? sequence.maxTokens
    const script = Int32Array.from({ length: promptIds.length + generated }, (_, i) => promptIds[i] ?? 1000 + sequence.id * 100 + i)
    steps.script(sequence, { tokens: script, stops: extra.stopAfter !== undefined })
    return sequence
  }
  const commit = (plan: Plan<Sequence>) => scheduler.commit(plan.id, steps.run(plan), ++now)
  const finishAll = () => {
    for (let plan = scheduler.plan(++now); plan !== undefined; plan = scheduler.plan(++now)) commit(plan)
  }
  return { pool, scheduler, steps, add, commit, finishAll, plan: () => scheduler.plan(++now), now: () => now }
}

export const idsOf = (plan: Plan<Sequence> | undefined) => plan?.sequences.map(sequence => sequence.id)
/** New tokens of each row. */
export const countsOf = (plan: Plan<Sequence>) => plan.sequences.map((_, i) => plan.queryStarts[i + 1]! - plan.queryStarts[i]!)
