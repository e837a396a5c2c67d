import { RowOutput } from '../core/step.js'
import { BadLogitsError, StepFailedError } from '../core/errors.js'
import { RowStatus, type StepOutput } from '../native/binding.js'
import { RowOutcome } from '../scheduler/plan.js'
import type { EngineSequence } from './engine-sequence.js'
import type { EnginePlan } from './step-loop.js'
import type { LogprobReader } from './token-logprobs.js'

/** What a row may cause besides text. */
export interface DeliveryActions {
  /** The sequence has one token more. */
  token (sequence: EngineSequence, nowMs: number): void
  /** The sequence has reached a stop string: it ends before the surplus token that is queued. */
  stop (sequence: EngineSequence): void
  /** Its row failed, so its request does. */
  fail (sequence: EngineSequence, error: Error): void
}

/** Takes a committed row's tokens to the request they belong to: log-probabilities, text, stop strings, end. */
export function deliverRow (
  plan: EnginePlan, row: number, output: StepOutput, nowMs: number, logprobs: LogprobReader, actions: DeliveryActions
): void {
  const sequence = plan.sequences[row]!
  const outcome = plan.outcomes[row]!
  if (outcome === RowOutcome.dropped || sequence.request.isEnded) return
  if (outcome === RowOutcome.failed) {
    actions.fail(sequence, sequence.constraint?.error ?? rowError(output.statuses[row]!))
    return
  }
  if ((plan.outputs[row]! & RowOutput.promptLogprobs) !== 0) readPromptLogprobs(plan, row, output, logprobs)
  if (outcome === RowOutcome.token) takeToken(plan, row, output, nowMs, logprobs, actions)
  else if (sequence.finishReason !== undefined) sequence.output.end()
  sequence.request.deliver(sequence)
}

function takeToken (
  plan: EnginePlan, row: number, output: StepOutput, nowMs: number, logprobs: LogprobReader, actions: DeliveryActions
): void {
  const sequence = plan.sequences[row]!
  sequence.request.firstTokenMs ??= nowMs
  const end = output.tokenStarts[row + 1]!
  for (let place = output.tokenStarts[row]!; place < end; place++) {
    actions.token(sequence, nowMs)
    // A token that ends the sequence by its id is no part of the text.
    if (place === end - 1 && sequence.finishReason === 'stop') break
    const logprob = sequence.logprobs ? logprobs.sampled(output, place) : undefined
    if (sequence.output.push(output.tokens[place]!, logprob)) {
      // What a draft was right for behind it is not of the answer.
      sequence.drop(end - 1 - place)
      actions.stop(sequence)
      return
    }
  }
  if (sequence.finishReason !== undefined) sequence.output.end(sequence.finishReason === 'stop')
}

function readPromptLogprobs (plan: EnginePlan, row: number, output: StepOutput, logprobs: LogprobReader): void {
  const { request } = plan.sequences[row]!
  const known = request.promptLogprobs
  if (known === undefined) return
  const from = plan.queryStarts[row]!
  for (let place = from; place < plan.queryStarts[row + 1]!; place++) {
    const next = plan.positions[row]! + place - from + 1
    if (next < request.promptIds.length) known[next] = logprobs.prompt(output, place, request.promptIds[next]!)
  }
}

function rowError (status: number): Error {
  if (status === RowStatus.badLogits) return new BadLogitsError()
  return new StepFailedError(`The model's step gave this request nothing (row status ${status}). Try again.`)
}
