// UELLM's comparison of batchers and policies, simulated: static batches at three loads, continuous batching at a load
// that static batches cannot bear, and a burst. Lengths are known, or predicted by bucket with 80 % accuracy.
// Full steps and no reserve, unlike the engine's defaults: what is compared are orders.
//
//   npm run bench:uellm
//
// It ends with 1 when a goal is missed.
import { writeFileSync } from 'node:fs'
import { Command } from 'commander'
import { simulationOptions } from '../src/cli/simulation-options.js'
import { createPolicy, policyNames } from '../src/scheduler/policies/index.js'
import type { Policy } from '../src/scheduler/policy.js'
import { SeededRandom } from '../src/simulator/random.js'
import { simulate, type SimulationResult } from '../src/simulator/simulation.js'
import { fifoBatches, ljfBatches, s3Batches, sjfBatches } from '../src/simulator/static-batching/baselines.js'
import { batchSec, chatGlmCost, deadlineBatches, deadlineDefaults, odbsDefaults } from '../src/simulator/static-batching/deadline-profile.js'
import { paperBatches, paperDefaults } from '../src/simulator/static-batching/paper-profile.js'
import type { StaticBatcher } from '../src/simulator/static-batching/static-request.js'
import { simulateStatic } from '../src/simulator/static-batching/static-simulation.js'
import { summarize } from '../src/simulator/summary.js'
import type { TraceRequest } from '../src/simulator/trace-request.js'
import { workloads } from '../src/simulator/workloads/index.js'
import { withBuckets, withExactLengths } from '../src/simulator/workloads/predictions.js'
import { goalsText, isMet, type Goal } from './lib/goals.js'
import { table } from './lib/table.js'

const options = new Command()
  .description('Simulates UELLM\'s workload under static batchers and continuous policies.')
  .option('--seeds <n>', 'traces of each setting; the mean counts', '3')
  .option('--json <file>', 'write the figures there too')
  .parse().opts<{ seeds: string, json?: string }>()

const seeds = Array.from({ length: Number(options.seeds) }, (_, i) => i + 1)
const staticRequests = 600
const continuousRequests = 1000
/** What one 24 GB card has beside the weights of a 6B model, padded. */
const caps = { maxRequests: 64, kvTokens: 24_000 }
const sixteen = { maxRequests: 16, kvTokens: Infinity }

const batchers: Readonly<Record<string, StaticBatcher>> = {
  'fifo-16': all => fifoBatches(all, sixteen),
  'ljf': all => ljfBatches(all, caps),
  's3': all => s3Batches(all, caps),
  'sjf-16': all => sjfBatches(all, sixteen),
  'slo-dbs paper': all => paperBatches(all, { ...paperDefaults, variant: 'slo-dbs' }),
  'slo-odbs paper': all => paperBatches(all, paperDefaults),
  'slo-odbs paper, diff': all => paperBatches(all, { ...paperDefaults, lengthTerm: 'diff' }),
  'slo-odbs paper, diff, no size rule': all => paperBatches(all, { ...paperDefaults, lengthTerm: 'diff', sizeRule: 'none' }),
  'odbs paper': all => paperBatches(all, { ...paperDefaults, variant: 'odbs' }),
  'odbs*': all => deadlineBatches(all, { ...odbsDefaults, ...caps }),
  'slo-odbs* (deadline)': all => deadlineBatches(all, { ...deadlineDefaults, ...caps })
}

/** All but those that look at fields which these requests do not have. */
const compared = policyNames.filter(name => !['priority', 'network'].includes(name))

/** Orders that exist for comparison only. */
const references: readonly Policy[] = [
  referencePolicy('s3 (longest first)', sequence => -sequence.predictedTokens),
  referencePolicy('slo-dbs (deadline)', sequence => sequence.deadlineMs)
]

interface Row {
  readonly name: string
  readonly sloMetRatio: number
  readonly e2eMeanMs: number
  readonly e2eP99Ms: number
  readonly outputTokensPerSec: number
  /** Of static batches. */
  readonly waste?: number
}

function staticRows (ratePerSec: number, accuracy: number): Row[] {
  return Object.entries(batchers).map(([name, batcher]) => meanRow(name, seeds.map(seed => {
    const result = simulateStatic(traceOf(staticRequests, ratePerSec, seed, accuracy), { batcher, cost: chatGlmCost })
    return { ...rowOf(name, result), waste: result.waste }
  })))
}

function continuousRows (requests: number, ratePerSec: number, accuracy: number): Row[] {
  const { machine } = workloads.uellm
  const run = (name: string, policyOf: () => Policy): Row => meanRow(name, seeds.map(seed =>
    rowOf(name, simulate(traceOf(requests, ratePerSec, seed, accuracy), { ...simulationOptions(machine, false), policy: policyOf() }))))
  return [
    ...compared.map(name => run(name, () => createPolicy(name))),
    ...references.map(policy => run(policy.name, () => policy))
  ]
}

function traceOf (requests: number, ratePerSec: number, seed: number, accuracy: number): TraceRequest[] {
  const trace = workloads.uellm.trace({ requests, ratePerSec, seed })
  return accuracy === 1 ? withExactLengths(trace) : withBuckets(trace, accuracy, new SeededRandom(1000 + seed))
}

function rowOf (name: string, { requests, durationMs }: SimulationResult): Row {
  const { sloMetRatio, e2eMeanMs, e2eP99Ms, outputTokensPerSec } = summarize(requests, durationMs)
  return { name, sloMetRatio, e2eMeanMs, e2eP99Ms, outputTokensPerSec }
}

function meanRow (name: string, rows: readonly Row[]): Row {
  const mean = (value: (row: Row) => number): number => rows.reduce((sum, row) => sum + value(row), 0) / rows.length
  return {
    name,
    sloMetRatio: mean(row => row.sloMetRatio),
    e2eMeanMs: mean(row => row.e2eMeanMs),
    e2eP99Ms: mean(row => row.e2eP99Ms),
    outputTokensPerSec: mean(row => row.outputTokensPerSec),
    ...rows[0]?.waste !== undefined && { waste: mean(row => row.waste!) }
  }
}

/** The share that could meet their deadlines if they were alone. */
function feasibleRatio (): number {
  const trace = seeds.flatMap(seed => traceOf(continuousRequests, 1, seed, 1))
  return trace.filter(({ promptTokens, outputTokens, slo }) =>
    1000 * batchSec(chatGlmCost, 1, promptTokens, outputTokens) <= slo!.deadlineMs!).length / trace.length
}

function referencePolicy (name: string, key: (sequence: Parameters<Policy['rank']>[0]) => number): Policy {
  return {
    name,
    rank (sequence) {
      sequence.rankClass = 0
      sequence.rankKey = key(sequence)
      sequence.rankTie = sequence.arrivalMs
      return Infinity
    }
  }
}

function print (title: string, rows: readonly Row[]): void {
  const isStatic = rows[0]?.waste !== undefined
  console.log(`\n${title}\n`)
  console.log(table(['', 'SLO met %', 'mean s', 'p99 s', ...isStatic ? ['waste %'] : [], 'tokens/s'], rows.map(row => [
    row.name, row.sloMetRatio * 100, row.e2eMeanMs / 1000, row.e2eP99Ms / 1000, ...isStatic ? [row.waste! * 100] : [], row.outputTokensPerSec
  ])))
}

const named = (rows: readonly Row[], name: string): Row => rows.find(row => row.name === name)!
const accuracyText = (accuracy: number): string => accuracy === 1 ? 'lengths known' : `${accuracy * 100} % of the buckets right`

const report: Record<string, readonly Row[]> = {}
const accuracies = [1, 0.8]
for (const ratePerSec of [0.8, 1.2, 2.2]) {
  for (const accuracy of accuracies) {
    const title = `Static batches, ${ratePerSec} requests/s, ${accuracyText(accuracy)}`
    print(title, report[title] = staticRows(ratePerSec, accuracy))
  }
}
for (const [what, requests, ratePerSec] of [['8 requests/s', continuousRequests, 8], ['a burst of 1000', 1000, Infinity], ['a burst of 400', 400, Infinity]] as const) {
  for (const accuracy of accuracies) {
    const title = `Continuous batching, 32 slots, ${what}, ${accuracyText(accuracy)}`
    print(title, report[title] = continuousRows(requests, ratePerSec, accuracy))
  }
}

const still = report[`Static batches, 1.2 requests/s, ${accuracyText(1)}`]!
const moving = report[`Continuous batching, 32 slots, 8 requests/s, ${accuracyText(1)}`]!
const deadline = named(still, 'slo-odbs* (deadline)')
const odbs = named(moving, 'slo-odbs')
const goals: Goal[] = [
  { name: 'static 1.2/s: slo-odbs* meets % of SLOs', value: deadline.sloMetRatio * 100, atLeast: 91 },
  { name: 'static 1.2/s: points above s3', value: (deadline.sloMetRatio - named(still, 's3').sloMetRatio) * 100, atLeast: 12 },
  { name: 'continuous 8/s: slo-odbs meets % of SLOs', value: odbs.sloMetRatio * 100, atLeast: 96.5 },
  { name: 'continuous 8/s: mean latency, % of fcfs\'s', value: odbs.e2eMeanMs / named(moving, 'fcfs').e2eMeanMs * 100, atMost: 55 },
  ...Object.entries(report).filter(([title, rows]) => title.startsWith('Continuous') && rows.some(({ name }) => name === 'adaptive')).map(([title, rows]): Goal => ({
    name: `adaptive, points below the best: ${title.slice('Continuous batching, 32 slots, '.length)}`,
    value: (Math.max(...rows.map(row => row.sloMetRatio)) - named(rows, 'adaptive').sloMetRatio) * 100,
    atMost: 3
  }))
]
console.log(`\n${(feasibleRatio() * 100).toFixed(1)} % of the requests could meet their deadline alone.\n`)
console.log(goalsText(goals))
if (options.json !== undefined) writeFileSync(options.json, JSON.stringify({ goals, ...report }, null, 2) + '\n')
process.exitCode = goals.every(isMet) ? 0 : 1
