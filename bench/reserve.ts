// What it costs and brings to keep KV free for running answers to grow into: how much of the growth that is expected of
// them, at several sizes of the KV cache, with a host tier of a quarter of it and without one. Policy and budget of a
// step are the engine's; predictions name 57 % of the buckets of output length rightly, as the profiler does.
//
//   npm run bench:reserve
//
// It ends with 1 when a goal is missed.
import { writeFileSync } from 'node:fs'
import { Command } from 'commander'
import { simulationOptions } from '../src/cli/simulation-options.js'
import { ToolDurations } from '../src/profiler/tool-durations.js'
import { createPolicy } from '../src/scheduler/policies/index.js'
import { stepTimeBudget } from '../src/scheduler/token-budget.js'
import { SeededRandom } from '../src/simulator/random.js'
import { simulate } from '../src/simulator/simulation.js'
import { summarize } from '../src/simulator/summary.js'
import type { TraceRequest } from '../src/simulator/trace-request.js'
import { workloads, type WorkloadName } from '../src/simulator/workloads/index.js'
import { withBuckets } from '../src/simulator/workloads/predictions.js'
import { goalsText, isMet, type Goal } from './lib/goals.js'
import { table } from './lib/table.js'

const options = new Command()
  .description('Simulates several reserves for the growth of running answers.')
  .option('--seeds <n>', 'traces of each load; the mean counts', '2')
  .option('--json <file>', 'write the figures there too')
  .parse().opts<{ seeds: string, json?: string }>()

const seeds = Array.from({ length: Number(options.seeds) }, (_, i) => i + 1)
const ratios = [0, 0.1, 0.25, 0.5, 1]
const engineRatio = 0.1
const hostShares = [0, 0.25]
const lengthAccuracy = 0.57
/** KV that is copied while steps wait. */
const swap = { tokenMs: 0.02, hiddenRatio: 0 }

interface Load {
  readonly workload: WorkloadName
  readonly ratePerSec: number
  readonly requests: number
  readonly kvTokens: readonly number[]
}

/** Sizes at which some ten answers fit, and at which memory is no longer what is scarce. */
const loads: readonly Load[] = [
  { workload: 'uellm', ratePerSec: 6, requests: 500, kvTokens: [3000, 6000, 12_000] },
  { workload: 'poisson', ratePerSec: 3, requests: 300, kvTokens: [4096, 8192, 16_384] },
  { workload: 'augserve', ratePerSec: 5.5, requests: 700, kvTokens: [20_000, 53_700] }
]

interface Row {
  readonly workload: WorkloadName
  readonly ratePerSec: number
  readonly kvTokens: number
  readonly hostTokens: number
  readonly reserveRatio: number
  readonly preemptions: number
  readonly outputTokensPerSec: number
  readonly e2eMeanMs: number
  readonly ttftMeanMs: number
  readonly sloMetRatio: number
}

const figures = ['preemptions', 'outputTokensPerSec', 'e2eMeanMs', 'ttftMeanMs', 'sloMetRatio'] as const

function measure ({ workload, ratePerSec, requests }: Load, kvTokens: number, hostTokens: number, reserveRatio: number): Row {
  const { machine } = workloads[workload]
  const summaries = seeds.map(seed => {
    const result = simulate(traceOf(workload, requests, ratePerSec, seed), {
      ...simulationOptions({ ...machine, kvTokens }, false, hostTokens),
      policy: createPolicy('adaptive'),
      budget: stepTimeBudget(),
      toolTimes: new ToolDurations(),
      swap,
      reserveRatio
    })
    return summarize(result.requests, result.durationMs)
  })
  const means = Object.fromEntries(figures.map(name => [name, summaries.reduce((sum, summary) => sum + summary[name], 0) / seeds.length]))
  return { workload, ratePerSec, kvTokens, hostTokens, reserveRatio, ...means as Pick<Row, typeof figures[number]> }
}

/** Requests with tools have forecasts of their own. */
function traceOf (workload: WorkloadName, requests: number, ratePerSec: number, seed: number): TraceRequest[] {
  const trace = workloads[workload].trace({ requests, ratePerSec, seed })
  return workload === 'augserve' ? trace : withBuckets(trace, lengthAccuracy, new SeededRandom(seed))
}

/** Rows of the same load and memory, by rising reserve. */
const settings = hostShares.flatMap(share => loads.flatMap(load => load.kvTokens.map(kvTokens =>
  ratios.map(ratio => measure(load, kvTokens, Math.floor(kvTokens * share), ratio)))))

for (const share of hostShares) {
  console.log(`\n${share === 0 ? 'Without a host tier' : 'With a host tier of a quarter of the cache'}: preemptions; tokens/s; mean latency, by the share of the expected growth that is kept free\n`)
  console.log(table(['', ...ratios.map(String)], settings.filter(([first]) => (first!.hostTokens > 0) === (share > 0)).map(rows => [
    `${rows[0]!.workload} ${rows[0]!.ratePerSec}/s, KV for ${rows[0]!.kvTokens} tokens`,
    ...rows.map(({ preemptions, outputTokensPerSec, e2eMeanMs }) => `${preemptions.toFixed(0)}; ${outputTokensPerSec.toFixed(0)}; ${(e2eMeanMs / 1000).toFixed(1)} s`)
  ])))
}

/** Where answers preempt each other when nothing is kept free. */
const scarce = settings.filter(rows => rows[0]!.preemptions >= 10)
const chosen = ratios.indexOf(engineRatio)
const overNone = (place: number, name: 'preemptions' | 'outputTokensPerSec') => scarce.map(rows => rows[place]![name] / rows[0]![name])
const goals: Goal[] = [
  { name: `${engineRatio}: preemptions over those without a reserve, worst case`, value: Math.max(...overNone(chosen, 'preemptions')), atMost: 0.6 },
  { name: `${engineRatio}: tokens/s over those without a reserve, worst case`, value: Math.min(...overNone(chosen, 'outputTokensPerSec')), atLeast: 0.94 },
  { name: '1: tokens/s over those without a reserve, worst case', value: Math.min(...overNone(ratios.length - 1, 'outputTokensPerSec')), atMost: 0.8 }
]
console.log(`\n${goalsText(goals)}`)
if (options.json !== undefined) writeFileSync(options.json, JSON.stringify({ goals, rows: settings.flat() }, null, 2) + '\n')
process.exitCode = goals.every(isMet) ? 0 : 1
