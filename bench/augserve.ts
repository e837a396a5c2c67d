// Requests that call tools, simulated on a 13B model of one A100 at rising load: what becomes of their KV while they
// wait, and in which order they run. A request counts when its first token came within 3 s and the rest, without the
// tools' own time, within 3 s and 0.1 s for each token.
// No reserve, and full steps but where a system says otherwise: so are the systems that it is compared with.
//
//   npm run bench:augserve
//
// It ends with 1 when a goal is missed.
import { writeFileSync } from 'node:fs'
import { Command } from 'commander'
import { simulationOptions } from '../src/cli/simulation-options.js'
import { ToolDurations } from '../src/profiler/tool-durations.js'
import { createPolicy, policyNames } from '../src/scheduler/policies/index.js'
import type { Policy } from '../src/scheduler/policy.js'
import { stepTimeBudget } from '../src/scheduler/token-budget.js'
import type { RequestResult } from '../src/simulator/request-result.js'
import { simulate, type SimulationOptions } from '../src/simulator/simulation.js'
import { summarize } from '../src/simulator/summary.js'
import { workloads } from '../src/simulator/workloads/index.js'
import { augserveSwapTokenMs } from '../src/simulator/workloads/augserve.js'
import { goalsText, isMet, type Goal } from './lib/goals.js'
import { table } from './lib/table.js'

const options = new Command()
  .description('Simulates AugServe\'s workload under several ways to treat tool calls.')
  .option('--seeds <n>', 'traces of each load; the mean counts', '3')
  .option('--rates <list>', 'requests a second', '2.6,3.4,4.5,5.5,6,6.5,8,10')
  .option('--seconds <n>', 'length of each trace', '300')
  .option('--json <file>', 'write the figures there too')
  .parse().opts<{ seeds: string, rates: string, seconds: string, json?: string }>()

const rates = options.rates.split(',').map(Number)
const ttftSloMs = 3000
const tokenSloMs = 100

/** First come, first served, but for those whose first token is late already. */
const lateLast: Policy = {
  name: 'late-last',
  rank (sequence, view) {
    const isLate = !sequence.isResumed && sequence.generatedTokens === 0 && view.nowMs > sequence.ttftDeadlineMs
    sequence.rankClass = isLate ? 1 : 0
    sequence.rankKey = sequence.arrivalMs
    sequence.rankTie = 0
    return isLate || sequence.isResumed ? Infinity : Math.max(view.nowMs, sequence.ttftDeadlineMs) + 1e-3
  }
}

type System = () => Partial<SimulationOptions>

const swap = { tokenMs: augserveSwapTokenMs, hiddenRatio: 0.8 }
/** 100 GB of host memory. */
const hostTokens = Math.floor(100e9 / 819_200)
const minWaste = () => ({ toolTimes: new ToolDurations(), swap, pool: simulationOptions(workloads.augserve.machine, false, hostTokens).pool })
const dynamic = { budget: stepTimeBudget({ targetMs: 60 }) }
const policyOptions = { swapTokenMs: augserveSwapTokenMs }

const systems: Readonly<Record<string, System>> = {
  'vLLM-like': () => ({ policy: createPolicy('fcfs') }),
  'InferCept-like': () => ({ ...minWaste(), policy: createPolicy('fcfs'), keepsArrival: true }),
  'InferCept + late-last': () => ({ ...minWaste(), policy: lateLast, keepsArrival: true }),
  'augserve': () => ({ ...minWaste(), ...dynamic, policy: createPolicy('augserve', policyOptions), keepsArrival: true, maxBatchTokens: 2048 }),
  'augserve, fixed 512': () => ({ ...minWaste(), policy: createPolicy('augserve', policyOptions), keepsArrival: true }),
  ...policyNames.some(name => String(name) === 'adaptive') && {
    adaptive: () => ({ ...minWaste(), ...dynamic, policy: createPolicy('adaptive'), keepsArrival: true, maxBatchTokens: 2048 })
  }
}

interface Row {
  readonly system: string
  readonly ratePerSec: number
  /** Of those that came, the share that counts, and how many those are each second. */
  readonly effectiveRatio: number
  readonly effectivePerSec: number
  readonly ttftMeanMs: number
  readonly ttftP99Ms: number
}

function measure (system: string, ratePerSec: number): Row {
  const rows = Array.from({ length: Number(options.seeds) }, (_, i) => {
    const { machine, trace } = workloads.augserve
    const requests = Math.round(ratePerSec * Number(options.seconds))
    const result = simulate(trace({ requests, ratePerSec, seed: i + 1 }), { ...simulationOptions(machine, false), ...systems[system]!() })
    const effectiveRatio = result.requests.filter(isEffective).length / requests
    const { ttftMeanMs, ttftP99Ms } = summarize(result.requests, result.durationMs)
    return { system, ratePerSec, effectiveRatio, effectivePerSec: effectiveRatio * ratePerSec, ttftMeanMs, ttftP99Ms }
  })
  const mean = (value: (row: Row) => number): number => rows.reduce((sum, row) => sum + value(row), 0) / rows.length
  return {
    system,
    ratePerSec,
    effectiveRatio: mean(row => row.effectiveRatio),
    effectivePerSec: mean(row => row.effectivePerSec),
    ttftMeanMs: mean(row => row.ttftMeanMs),
    ttftP99Ms: mean(row => row.ttftP99Ms)
  }
}

function isEffective ({ failure, ttftMs, e2eMs, toolMs, outputTokens }: RequestResult): boolean {
  return failure === undefined && ttftMs <= ttftSloMs && e2eMs - toolMs <= ttftSloMs + tokenSloMs * outputTokens
}

const rows = rates.flatMap(rate => Object.keys(systems).map(system => {
  const row = measure(system, rate)
  console.error(`${rate}/s ${system}: ${(row.effectiveRatio * 100).toFixed(1)} %`)
  return row
}))
const at = (system: string, rate: number): Row => rows.find(row => row.system === system && row.ratePerSec === rate)!

const figures: ReadonlyArray<readonly [title: string, value: (row: Row) => number]> = [
  ['Requests a second within their SLO', row => row.effectivePerSec],
  ['Share within the SLO, %', row => row.effectiveRatio * 100],
  ['Mean TTFT, s', row => row.ttftMeanMs / 1000],
  ['p99 of TTFT, s', row => row.ttftP99Ms / 1000]
]
for (const [title, value] of figures) {
  console.log(`\n${title}\n`)
  console.log(table(['requests/s', ...Object.keys(systems)], rates.map(rate => [String(rate), ...Object.keys(systems).map(system => value(at(system, rate)))])))
}

const share = (system: string, rate: number): number => at(system, rate).effectiveRatio * 100
const ratio = (rate: number, other: string): number => at('augserve', rate).effectivePerSec / at(other, rate).effectivePerSec
const goals: Goal[] = [
  ...rates.includes(6) ? [
    { name: '6/s: augserve within SLO, %', value: share('augserve', 6), atLeast: 96 },
    { name: '6/s: InferCept-like within SLO, %', value: share('InferCept-like', 6), atMost: 80 }
  ] : [],
  ...rates.includes(6.5) ? [
    { name: '6.5/s: augserve over InferCept-like', value: ratio(6.5, 'InferCept-like'), atLeast: 1.7 },
    { name: '6.5/s: augserve over vLLM-like', value: ratio(6.5, 'vLLM-like'), atLeast: 25 }
  ] : [],
  ...rates.filter(rate => rate <= 4.5).map((rate): Goal => ({ name: `${rate}/s: augserve over InferCept-like`, value: ratio(rate, 'InferCept-like'), atLeast: 0.99 })),
  ...systems['adaptive'] === undefined ? [] : rates.map((rate): Goal => ({
    name: `${rate}/s: adaptive, points below the best`,
    value: Math.max(...Object.keys(systems).map(system => share(system, rate))) - share('adaptive', rate),
    atMost: 3
  }))
]
console.log()
console.log(goalsText(goals))
if (options.json !== undefined) writeFileSync(options.json, JSON.stringify({ goals, rows }, null, 2) + '\n')
process.exitCode = goals.every(isMet) ? 0 : 1
