import t from 'tap'
import { ToolDurations } from '../../../src/profiler/tool-durations.js'
import { createPolicy, policyNames, type PolicyName } from '../../../src/scheduler/policies/index.js'
import { SeededRandom } from '../../../src/simulator/random.js'
import { simulate } from '../../../src/simulator/simulation.js'
import { summarize } from '../../../src/simulator/summary.js'
import type { TraceRequest } from '../../../src/simulator/trace-request.js'
import { augserveTrace } from '../../../src/simulator/workloads/augserve.js'
import { chatTrace } from '../../../src/simulator/workloads/chat.js'
import { workloads, type Machine } from '../../../src/simulator/workloads/index.js'
import { withBuckets } from '../../../src/simulator/workloads/predictions.js'
import { uellmTrace } from '../../../src/simulator/workloads/uellm.js'
import { createPool } from '../../support/pool.js'

/** Share of the requests with an SLO that keep it. */
function sloRatio (trace: readonly TraceRequest[], machine: Machine, policy: PolicyName): number {
  const { times, maxNumSeqs, maxBatchTokens, maxModelLen, kvTokens } = machine
  const { requests, durationMs } = simulate(trace, {
    pool: createPool(Math.floor(kvTokens / 16), 16),
    times,
    maxNumSeqs,
    maxBatchTokens,
    maxSequenceTokens: maxModelLen,
    toolTimes: new ToolDurations(),
    policy: createPolicy(policy)
  })
  return summarize(requests, durationMs).sloMetRatio
}

const random = () => new SeededRandom(11)
const { uellm, augserve } = workloads
const rttsMs = [20, 60, 100, 250, 700, 2000]

/** All are more than the engine can serve. */
const loads: Record<string, { trace: readonly TraceRequest[], machine: Machine }> = {
  'deadlines from seconds to minutes': { machine: uellm.machine, trace: withBuckets(uellmTrace({ requests: 600, ratePerSec: 8, seed: 1 }), 0.8, random()) },
  'the same, twice the load': { machine: uellm.machine, trace: withBuckets(uellmTrace({ requests: 600, ratePerSec: 16, seed: 2 }), 0.8, random()) },
  'the same, all at once': { machine: uellm.machine, trace: withBuckets(uellmTrace({ requests: 500, ratePerSec: 1e6, seed: 3 }), 1, random()) },
  'tool calls': { machine: augserve.machine, trace: augserveTrace({ requests: 900, ratePerSec: 12, seed: 4 }) },
  'links of all kinds': {
    machine: augserve.machine,
    trace: withBuckets(chatTrace({ requests: 600, ratePerSec: 12, seed: 5 }), 0.8, random()).map((request, i) => ({ ...request, rttMs: rttsMs[i % 6]! }))
  },
  'three priorities': {
    machine: augserve.machine,
    trace: withBuckets(chatTrace({ requests: 600, ratePerSec: 18, seed: 6 }), 0.8, random()).map((request, i) => ({
      ...request, priority: i % 3, slo: [{ ttftMs: 1000, tpotMs: 100 }, { ttftMs: 5000, tpotMs: 150 }, { deadlineMs: 60_000 }][i % 3]!
    }))
  }
}

for (const [name, { trace, machine }] of Object.entries(loads)) {
  t.test(`adaptive keeps at least 97 % of the SLOs that the best other policy keeps: ${name}`, async t => {
    const others = policyNames.filter(policy => policy !== 'adaptive').map(policy => [policy, sloRatio(trace, machine, policy)] as const)
    const best = Math.max(...others.map(([, ratio]) => ratio))
    const own = sloRatio(trace, machine, 'adaptive')
    t.comment([...others, ['adaptive', own] as const].map(([policy, ratio]) => `${policy} ${(100 * ratio).toFixed(1)} %`).join(', '))
    t.ok(own >= 0.97 * best, `${own} against ${best}`)
    t.ok(own > 0.2, 'the load is one that can be served in part')
    t.ok(Math.min(...others.map(([, ratio]) => ratio)) < 0.98 * own, 'and one on which policies differ')
  })
}
