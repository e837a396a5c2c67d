import t from 'tap'
import { InvalidOptionError } from '../../../src/core/errors.js'
import { checkPolicy, createPolicy, policyNames, policyOptionRanges, type PolicyOptions } from '../../../src/scheduler/policies/index.js'
import type { Policy } from '../../../src/scheduler/policy.js'

const refused = (run: () => unknown): InvalidOptionError => {
  try {
    run()
  } catch (error) {
    if (error instanceof InvalidOptionError) return error
    throw error
  }
  throw new Error('It was accepted.')
}

t.test('every policy has its own name and stands every awkward request', async t => {
  for (const name of policyNames) {
    const policy = createPolicy(name)
    t.equal(policy.name, name)
    t.doesNotThrow(() => { checkPolicy(policy) })
  }
})

t.test('every policy stands awkward requests at both ends of its options', async t => {
  for (const name of policyNames) {
    for (const end of ['minimum', 'maximum'] as const) {
      const options = Object.fromEntries(Object.entries(policyOptionRanges).map(([option, range]) => [option, range[end]]))
      const own = Object.fromEntries(Object.entries(options).filter(([option]) => has(name, option)))
      t.doesNotThrow(() => { checkPolicy(createPolicy(name, own)) }, `${name} with ${JSON.stringify(own)}`)
    }
  }
})

function has (name: string, option: string): boolean {
  try {
    createPolicy(name, { [option]: policyOptionRanges[option as keyof PolicyOptions].default })
    return true
  } catch {
    return false
  }
}

t.test('an unknown name is refused with the names there are and the nearest', async t => {
  const error = refused(() => createPolicy('slo-obds'))
  t.equal(error.param, 'policy')
  t.match(error.message, /fcfs, sjf.*Did you mean slo-odbs\?/)
  t.match(refused(() => createPolicy('toString')).message, /no policy "toString"/)
})

t.test('an option that the policy has not is refused with those it has', async t => {
  const error = refused(() => createPolicy('network', { agingms: 1 } as Partial<PolicyOptions>))
  t.equal(error.param, 'agingms')
  t.match(error.message, /options are agingMs\. Did you mean agingMs\?/)
  t.match(refused(() => createPolicy('fcfs', { agingMs: 1 })).message, /fcfs has no option agingMs\. It has none\./)
})

t.test('NaN, negative and absurd values, and what is no number, are refused by name and with the range', async t => {
  for (const value of [NaN, -1, 1e300, Infinity, '5', null] as number[]) {
    const error = refused(() => createPolicy('network', { agingMs: value }))
    t.equal(error.param, 'agingMs')
    t.match(error.message, /agingMs of the policy network must be a number from 0 to 86400000 ms, not /)
  }
})

const good: Policy = createPolicy('fcfs')

t.test('checkPolicy names the policy, the case and the fault', async t => {
  const faults: Array<[Partial<Policy>, RegExp]> = [
    [{ rank: () => { throw new Error('boom') } }, /bad failed for a request with no SLO, waiting, in an idle engine at time 0: boom/],
    [{ rank: sequence => { good.rank(sequence, undefined as never); sequence.rankKey = sequence.slo.ttftMs! / 1; return Infinity } },
      /bad wrote rankKey NaN for a request with no SLO/],
    [{ rank: (sequence, view) => { good.rank(sequence, view); return view.nowMs } }, /holds until 0, and it was 0; it must be later/],
    [{ rank: (sequence, view) => { good.rank(sequence, view); return NaN } }, /holds until NaN/],
    [{ rank: () => Infinity }, /wrote rankClass NaN/],
    [{ mayPreempt: () => true }, /preempt each other/],
    [{ mayPreempt: () => undefined as never }, /answered mayPreempt with undefined/]
  ]
  for (const [changes, message] of faults) {
    const error = refused(() => { checkPolicy({ ...good, name: 'bad', ...changes }) })
    t.equal(error.param, 'policy')
    t.match(error.message, message)
  }
})
