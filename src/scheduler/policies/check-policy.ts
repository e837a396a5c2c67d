import { InvalidOptionError } from '../../core/errors.js'
import type { StepCosts } from '../../profiler/step-costs.js'
import type { Policy, PolicyView } from '../policy.js'
import { Sequence, type SequenceOptions } from '../sequence.js'

const costs: StepCosts = { fixedMs: 28, prefillTokenMs: 1.3, decodeMs: 1.2, contextTokenMs: 0.002, prefillContextTokenMs: 0.0004 }
const freeCosts: StepCosts = { fixedMs: 0, prefillTokenMs: 0, decodeMs: 0, contextTokenMs: 0, prefillContextTokenMs: 0 }
const usualView: PolicyView = {
  nowMs: 1e6, costs, maxNumSeqs: 32, running: 8, waiting: 100, poolTokens: 65_536, freeRatio: 0.5, contextTokens: 4000
}

const views: ReadonlyArray<readonly [name: string, changes: Partial<PolicyView>]> = [
  ['an idle engine at time 0', { nowMs: 0, running: 0, waiting: 0, freeRatio: 1, contextTokens: 0 }],
  ['an engine at work', {}],
  ['a full pool', { freeRatio: 0, running: 32, waiting: 100_000, contextTokens: 65_536 }],
  ['one slot and one block', { maxNumSeqs: 1, poolTokens: 1 }],
  ['steps that cost nothing', { costs: freeCosts }],
  ['a clock before the arrival', { nowMs: -1000 }],
  // Last, so that for a policy with a memory the engine's own clock begins anew.
  ['a clock of many years', { nowMs: 4e12 }]
]

const tools = [{ tokens: 20, durationMs: 0, resultTokens: 0 }, { tokens: 0, durationMs: 3e7, resultTokens: 10_000 }]

const requests: ReadonlyArray<readonly [name: string, options: Partial<SequenceOptions>]> = [
  ['no SLO', {}],
  ['every SLO', { slo: { ttftMs: 3000, tpotMs: 100, deadlineMs: 30_000 } }],
  ['an SLO of nothing', { slo: { ttftMs: 0, tpotMs: 0, deadlineMs: 0 } }],
  ['a deadline in the past', { slo: { deadlineMs: -1e9 } }],
  ['a deadline after years', { slo: { ttftMs: 1e12, deadlineMs: 1e12 } }],
  ['SLOs that contradict each other', { slo: { ttftMs: 60_000, deadlineMs: 100 } }],
  ['a prediction of nothing', { predictedTokens: 0, reservedTokens: 0 }],
  ['a prediction beyond measure', { predictedTokens: 1e9, maxTokens: 2 ** 31 - 1 }],
  ['no output at all', { maxTokens: 0 }],
  ['a huge prompt', { promptIds: new Int32Array(200_000) }],
  ['a link of health 0', { linkHealth: 0 }],
  ['a link of health 1', { linkHealth: 1 }],
  ['the first priority', { priority: -Number.MAX_SAFE_INTEGER }],
  ['the last priority', { priority: Number.MAX_SAFE_INTEGER }],
  ['tools to come', { toolForecasts: tools, slo: { ttftMs: 3000 } }],
  ['a tool call behind it', { isResumed: true, slo: { tpotMs: 50, deadlineMs: 1000 } }],
  ['the first moment of the clock', { arrivalMs: 0, slo: { ttftMs: 1000 } }]
]

const states: ReadonlyArray<readonly [name: string, generatedTokens: number]> = [['waiting', 0], ['preempted or running', 40]]

/**
 * Runs a policy over awkward sequences: at start, so that one that fails does so then and not when such a
 * request comes.
 *
 * @throws InvalidOptionError that names the policy and the case
 */
export function checkPolicy (policy: Policy): void {
  for (const [viewName, changes] of views) {
    const view = { ...usualView, ...changes }
    const ranked: Sequence[] = []
    for (const [requestName, options] of requests) {
      for (const [stateName, generatedTokens] of states) {
        const where = `for a request with ${requestName}, ${stateName}, in ${viewName}`
        const sequence = awkwardSequence(options, generatedTokens)
        checkRank(policy, sequence, view, where)
        ranked.push(sequence)
        for (const other of ranked) checkMayPreempt(policy, sequence, other, view, where)
      }
    }
  }
}

function awkwardSequence (options: Partial<SequenceOptions>, generatedTokens: number): Sequence {
  const sequence = new Sequence({ id: 1, arrivalMs: usualView.nowMs - 5000, promptIds: new Int32Array(300), maxTokens: 1000, ...options })
  if (generatedTokens === 0) return sequence
  sequence.state = 'running'
  sequence.computed = sequence.planned = sequence.promptTokens + generatedTokens - 1
  for (let i = 0; i < generatedTokens; i++) sequence.append(0)
  return sequence
}

function checkRank (policy: Policy, sequence: Sequence, view: PolicyView, where: string): void {
  sequence.rankClass = sequence.rankKey = sequence.rankTie = NaN
  const untilMs = guarded(policy, where, () => policy.rank(sequence, view))
  for (const name of ['rankClass', 'rankKey', 'rankTie'] as const) {
    if (!Number.isFinite(sequence[name])) refuse(policy, `wrote ${name} ${sequence[name]} ${where}; ranks are finite numbers`)
  }
  if (!(untilMs > view.nowMs)) {
    refuse(policy, `said ${where} that the rank holds until ${untilMs}, and it was ${view.nowMs}; it must be later`)
  }
}

function checkMayPreempt (policy: Policy, needy: Sequence, running: Sequence, view: PolicyView, where: string): void {
  if (policy.mayPreempt === undefined) return
  const answer: unknown = guarded(policy, where, () => policy.mayPreempt!(needy, running, view))
  if (typeof answer !== 'boolean') refuse(policy, `answered mayPreempt with ${String(answer)} ${where}`)
  const both = answer && guarded(policy, where, () => policy.mayPreempt!(running, needy, view))
  if (both) refuse(policy, `lets two requests preempt each other ${where}: they would do so for ever`)
}

function guarded<T> (policy: Policy, where: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    return refuse(policy, `failed ${where}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function refuse (policy: Policy, fault: string): never {
  throw new InvalidOptionError('policy', `The policy ${policy.name} ${fault}.`)
}
