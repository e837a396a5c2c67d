// The simulator against the engine: one trace on both, in turn for each policy.
//
//   npm run bench:simulator -- --model bench/checkpoints/qwen3-0.6b-bf16
//   npm run bench:simulator -- --model bench/checkpoints/small-bf16 --workload uellm
//
// It ends with 1 when the medians of mean TTFT or mean latency differ by more than 10 %.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { Command, Option } from 'commander'
import { embeddedModelPath } from '../src/cli/model-name.js'
import { simulationOptions } from '../src/cli/simulation-options.js'
import type { ResolvedOptions } from '../src/engine/resolved-options.js'
import { StepCostModel } from '../src/profiler/step-cost-model.js'
import type { StepCosts } from '../src/profiler/step-costs.js'
import { createPolicy, policyNames, type PolicyName } from '../src/scheduler/policies/index.js'
import { stepTimeBudget } from '../src/scheduler/token-budget.js'
import type { RequestResult } from '../src/simulator/request-result.js'
import { simulate } from '../src/simulator/simulation.js'
import { linearTimes } from '../src/simulator/step-times.js'
import { summarize } from '../src/simulator/summary.js'
import { goalsText, isMet, type Goal } from './lib/goals.js'
import { warmUp } from './lib/engine-runs.js'
import { describeMachine } from './lib/machine.js'
import { median, medians } from './lib/statistics.js'
import { table } from './lib/table.js'
import { TracedEngine, type TraceRun } from './simulator/traced-engine.js'
import { predictionKinds, realWorkloads, type Predictions, type RealWorkload, type RealWorkloadName } from './simulator/workloads.js'

interface Flags {
  readonly model: string
  readonly workload: RealWorkloadName
  readonly policies?: string
  readonly requests?: string
  readonly rate?: string
  readonly timeScale?: string
  readonly predictions: Predictions
  readonly repeat: string
  readonly seed: string
  readonly kvMemory: string
  readonly onDemandKv?: true
  readonly json?: string
}

const flags = new Command()
  .description('Runs traces on an engine and in simulation, with the costs of steps that the engine fits.')
  .option('--model <path>', 'folder or GGUF file', embeddedModelPath)
  .addOption(new Option('--workload <name>', 'what comes').choices(Object.keys(realWorkloads)).default('chat'))
  .option('--policies <list>', 'of the engine, with commas between (default: those of the workload)')
  .option('--requests <n>', 'of a trace (default: those of the workload)')
  .option('--rate <n>', 'requests a second (default: that of the workload)')
  .option('--time-scale <n>', 'times that requests ask for, as a multiple of the simulated workload\'s')
  .addOption(new Option('--predictions <kind>', 'of lengths: known, 80 % of the buckets right, or the mean for all').choices(predictionKinds).default('known'))
  .option('--repeat <n>', 'traces; medians count', '3')
  .option('--seed <n>', 'of the first trace', '1')
  .option('--kv-memory <size>', 'KV cache', '1GiB')
  .option('--on-demand-kv', 'take the KV cache\'s memory when it is first used, not at the start')
  .option('--json <file>', 'write the figures there too; runs of the same trace that it has already count with these')
  .parse().opts<Flags>()

const workload: RealWorkload = realWorkloads[flags.workload]
const policies = (flags.policies?.split(',') ?? workload.policies) as PolicyName[]
for (const policy of policies) if (!policyNames.includes(policy)) throw new Error(`${policy} is no policy: ${policyNames.join(', ')}`)
const requests = Number(flags.requests ?? workload.requests)
const ratePerSec = Number(flags.rate ?? workload.ratePerSec)
const timeScale = Number(flags.timeScale ?? workload.timeScale)
const { maxNumSeqs, maxModelLen } = workload
const maxBatchTokens = 256
/** As the engine takes it to be. */
const swapBytesPerMs = 10e6
const firstSeed = Number(flags.seed)

const figureNames = ['sloMetRatio', 'ttftMeanMs', 'ttftP50Ms', 'ttftP99Ms', 'tpotMeanMs', 'e2eMeanMs', 'e2eP99Ms', 'queueMeanMs', 'outputTokensPerSec', 'preemptions', 'steps', 'stepMeanMs'] as const
type Figures = Record<(typeof figureNames)[number], number>

/** One start of this program. */
interface Run {
  readonly machine: ReturnType<typeof describeMachine>
  readonly command: string
  readonly rows: readonly Row[]
}

interface Row {
  readonly policy: PolicyName
  readonly seed: number
  readonly engine: Figures
  /** With the costs of the run before it; and with its own. */
  readonly before: Figures
  readonly during: Figures
  readonly run: Omit<TraceRun, 'requests' | 'sent'>
}

function figures (results: readonly RequestResult[], durationMs: number, steps: number, busyMs: number): Figures {
  const verdicts = results.map(result => workload.isMet(result, timeScale)).filter(verdict => verdict !== undefined)
  const sloMetRatio = verdicts.filter(Boolean).length / verdicts.length
  const summary = { ...summarize(results, durationMs), sloMetRatio, steps, stepMeanMs: busyMs / steps }
  return Object.fromEntries(figureNames.map(name => [name, summary[name]])) as Figures
}

function simulated ({ sent }: TraceRun, costs: StepCosts, options: ResolvedOptions): Figures {
  const kvTokens = options.kvBlocks * options.blockTokens
  const machine = { times: linearTimes(costs), maxNumSeqs, maxBatchTokens, maxModelLen, kvTokens }
  const result = simulate(sent, {
    ...simulationOptions(machine, true, options.kvHostBlocks * options.blockTokens),
    policy: createPolicy(options.policy),
    budget: stepTimeBudget(),
    reserveRatio: options.reserveRatio,
    swap: { tokenMs: options.kvCacheMemory / kvTokens / swapBytesPerMs, hiddenRatio: 0 },
    returnsAreNew: true
  })
  return figures(result.requests, result.durationMs, result.steps, result.busyMs)
}

const traceOf = (seed: number, count = requests) => workload.trace({ requests: count, ratePerSec, seed, timeScale, predictions: flags.predictions })
const costs = new StepCostModel()
const runs: Run[] = flags.json !== undefined && existsSync(flags.json) ? (JSON.parse(readFileSync(flags.json, 'utf8')) as { runs: Run[] }).runs : []
const rows: Row[] = []
let earlierCosts: StepCosts = costs.costs
let modelName = ''
let traced: TracedEngine | undefined
for (let repeat = 0; repeat < Number(flags.repeat); repeat++) {
  const seed = firstSeed + repeat
  for (const policy of policies) {
    if (traced?.engine.info.options.policy !== policy) {
      await traced?.engine.close()
      traced = await TracedEngine.load(flags.model, {
        policy, maxNumSeqs, maxBatchTokens, maxModelLen, kvCacheMemory: flags.kvMemory, preallocateKv: flags.onDemandKv !== true
      }, costs)
      await warmUp(traced.engine)
    }
    const { engine } = traced
    modelName = engine.modelName
    // Costs must come from somewhere: another trace first, and after that the run before this one.
    if (rows.length === 0) earlierCosts = (await traced.run(traceOf(seed + 1000, Math.ceil(requests / 3)))).stepCosts
    const run = await traced.run(traceOf(seed))
    const { options } = engine.info
    const { requests: results, sent: _, ...rest } = run
    const row: Row = {
      policy,
      seed,
      engine: figures(results, run.durationMs, run.steps, run.busyMs),
      before: simulated(run, earlierCosts, options),
      during: simulated(run, run.stepCosts, options),
      run: rest
    }
    rows.push(row)
    earlierCosts = run.stepCosts
    const ratios = (name: keyof Figures) => [row.before, row.during].map(figures => (figures[name] / row.engine[name]).toFixed(2)).join(' / ')
    console.error(`${policy}, seed ${seed}: simulator over engine, costs from before / during: TTFT ${ratios('ttftMeanMs')}, latency ${ratios('e2eMeanMs')}`)
  }
}
await traced?.engine.close()
const command = `npm run bench:simulator -- ${process.argv.slice(2).map(word => word.replace(/^.*\/(?=[^/]+$)/, '')).join(' ')}`
runs.push({ machine: describeMachine(), command, rows })
const allRows = runs.flatMap(run => run.rows)
const allPolicies = [...new Set(allRows.map(({ policy }) => policy))]

/** Of every repeat of a policy; ratios are of the same repeat. */
function summary (policy: PolicyName): { engine: Figures, before: Figures, during: Figures, beforeRatio: Figures, duringRatio: Figures } {
  const own = allRows.filter(row => row.policy === policy)
  const ratio = (which: 'before' | 'during') => medians(own.map(row =>
    Object.fromEntries(figureNames.map(name => [name, row[which][name] / row.engine[name]])) as Figures))
  return {
    engine: medians(own.map(({ engine }) => engine)),
    before: medians(own.map(({ before }) => before)),
    during: medians(own.map(({ during }) => during)),
    beforeRatio: ratio('before'),
    duringRatio: ratio('during')
  }
}

console.log(`${modelName}, ${flags.workload}: ${requests} requests at ${ratePerSec}/s, times x ${timeScale.toFixed(3)}, lengths: ${flags.predictions}; medians of ${allRows.length / allPolicies.length}.`)
const goals: Goal[] = []
for (const policy of allPolicies) {
  const { engine, before, during, beforeRatio, duringRatio } = summary(policy)
  console.log(`\n${policy}\n`)
  console.log(table(['', 'engine', 'simulator', 'ratio', 'costs of this run', 'ratio'],
    figureNames.map(name => [name, engine[name], before[name], beforeRatio[name], during[name], duringRatio[name]])))
  goals.push(
    { name: `${policy}: mean TTFT, simulator over engine`, value: beforeRatio.ttftMeanMs, atLeast: 0.9, atMost: 1.1 },
    { name: `${policy}: mean latency, simulator over engine`, value: beforeRatio.e2eMeanMs, atLeast: 0.9, atMost: 1.1 })
}
const share = (value: (run: Row['run']) => number): string => `${(100 * median(allRows.map(({ run }) => value(run)))).toFixed(2)} %`
console.log(`\nJavaScript took ${share(run => run.javaScriptRatio)} of one core, of that this load ${share(run => run.loadRatio)}; the device waited ${
  share(run => run.gapMs / run.busyMs)} of its time for it.`)
console.log(`\n${goalsText(goals)}`)
if (flags.json !== undefined) {
  const medians = Object.fromEntries(allPolicies.map(policy => [policy, summary(policy)]))
  writeFileSync(flags.json, JSON.stringify({ model: modelName, goals, medians, runs }, null, 2) + '\n')
}
process.exitCode = goals.every(isMet) ? 0 : 1
