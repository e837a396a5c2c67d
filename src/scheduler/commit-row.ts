import type { FinishReason } from '../core/finish-reason.js'
import { RowOutput, RowStatus, type StepTokens } from '../core/step.js'
import type { BlockPool } from './block-pool.js'
import { RowOutcome, type Plan } from './plan.js'
import type { Sequence } from './sequence.js'

/**
 * Takes one row's result into its sequence and writes `plan.outcomes[row]`. Returns why the sequence
 * ends with it, or undefined when it goes on.
 */
export function commitRow (
  pool: BlockPool, plan: Plan, row: number, result: StepTokens, nowMs: number
): FinishReason | undefined {
  const sequence = plan.sequences[row]!
  const outputs = plan.outputs[row]!
  const count = plan.queryStarts[row + 1]! - plan.queryStarts[row]!
  const verifies = (outputs & RowOutput.verify) !== 0
  const samples = (outputs & RowOutput.sample) === 0 ? 0 : verifies ? count : 1
  sequence.pendingRows--
  sequence.pendingSamples -= samples
  plan.outcomes[row] = RowOutcome.dropped
  if (sequence.state === 'ended') return undefined

  const status = result.statuses[row]!
  const first = result.tokenStarts[row]!
  const numTokens = result.tokenStarts[row + 1]! - first
  if (status < 0 || status === RowStatus.skipped || numTokens > samples || (numTokens === 0 && samples > 0)) {
    plan.outcomes[row] = RowOutcome.failed
    return 'error'
  }
  for (let i = first; i < first + numTokens; i++) sequence.append(result.tokens[i]!)
  // A row from before a preemption: its KV is gone, its token is as good as any.
  if (plan.epochs[row] === sequence.epoch) {
    sequence.computed = plan.positions[row]! + (verifies ? numTokens : count)
    // Behind the last token that was right, the next row writes over what the draft had.
    if (verifies) sequence.planned = sequence.computed
    publish(pool, sequence)
  }
  plan.outcomes[row] = RowOutcome.computed
  if (samples === 0) return sequence.maxTokens === 0 && sequence.computed === sequence.promptTokens ? 'length' : undefined

  plan.outcomes[row] = RowOutcome.token
  if (sequence.state === 'running') sequence.clock.enter('decode', nowMs)
  if (status === RowStatus.stop) return 'stop'
  return status === RowStatus.length || sequence.generatedTokens >= sequence.maxTokens ? 'length' : undefined
}

/**
 * Offers the full blocks that are new since the last time. Every computed token is right here: one that
 * followed a stop string or an abort belongs to an ended sequence, whose rows are dropped.
 */
function publish (pool: BlockPool, sequence: Sequence): void {
  const full = Math.floor(sequence.computed / pool.blockTokens)
  if (sequence.prefixRoot === undefined || sequence.isSwapped || full <= sequence.publishedBlocks) return
  pool.publish(sequence.slot!, sequence.prefixRoot, sequence.tokens.subarray(0, full * pool.blockTokens))
  sequence.publishedBlocks = full
}
