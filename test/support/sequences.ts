import { compareRanks, type Policy, type PolicyView } from '../../src/scheduler/policy.js'
import { Sequence, type SequenceOptions } from '../../src/scheduler/sequence.js'
import type { Random } from './random.js'

/** A waiting sequence; `promptTokens` in the place of ids. */
export function waitingSequence (id: number, options: Partial<SequenceOptions> & { promptTokens?: number } = {}): Sequence {
  return new Sequence({
    id, arrivalMs: 0, maxTokens: 4096, promptIds: new Int32Array(options.promptTokens ?? 100), ...options
  })
}

export function randomSequence (random: Random, id: number, options: Partial<SequenceOptions> = {}): Sequence {
  const slo = random.pick([
    {}, { ttftMs: random.integer(1, 5000) }, { deadlineMs: random.integer(1, 350_000) },
    { ttftMs: random.integer(1, 5000), deadlineMs: random.integer(1, 60_000) }
  ])
  return waitingSequence(id, {
    arrivalMs: random.integer(0, 1000) * 10,
    promptTokens: random.integer(1, 40),
    priority: random.integer(-1, 1),
    linkHealth: random.integer(0, 20) / 20,
    predictedTokens: random.integer(0, 20) * 10,
    isResumed: random.chance(0.2),
    toolForecasts: random.chance(0.2) ? [{ tokens: 20, durationMs: random.integer(0, 30_000), resultTokens: 50 }] : [],
    slo,
    ...options
  })
}

/** Ids in the order in which the policy would serve them, all ranked at the same moment. */
export function orderOf (policy: Policy, sequences: readonly Sequence[], view: PolicyView): number[] {
  for (const sequence of sequences) sequence.rankUntilMs = policy.rank(sequence, view)
  return [...sequences].sort(compareRanks).map(sequence => sequence.id)
}
