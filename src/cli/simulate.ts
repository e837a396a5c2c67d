import { readFile, writeFile } from 'node:fs/promises'
import { InvalidOptionError } from '../core/errors.js'
import { didYouMean } from '../core/suggest.js'
import { ToolDurations } from '../profiler/tool-durations.js'
import { checkPolicy, createPolicy, policyNames } from '../scheduler/policies/index.js'
import type { Policy } from '../scheduler/policy.js'
import { chartPage } from '../simulator/chart/report.js'
import { SeededRandom } from '../simulator/random.js'
import { simulate } from '../simulator/simulation.js'
import { summarize } from '../simulator/summary.js'
import type { TraceRequest } from '../simulator/trace-request.js'
import { defaultMachine, workloadNames, workloads, type Machine, type Workload } from '../simulator/workloads/index.js'
import { withBuckets, withExactLengths } from '../simulator/workloads/predictions.js'
import { printLine, type Io } from './io.js'
import { numberFlag } from './option-flags.js'
import { ProgressLine } from './progress-line.js'
import { parseStepTimes } from './simulate-costs.js'
import { engineSettings, hostTokens } from './simulated-engine.js'
import { simulationOptions } from './simulation-options.js'
import { runTable, type NamedRun } from './simulate-table.js'
import { readTraceFile, spedUp } from './trace-file.js'

type Flags = Readonly<Record<string, unknown>>

/** `millrace simulate`: runs the scheduler, set as the engine sets it, over a trace without a model, once for each policy. */
export async function simulateTrace (flags: Flags, io: Io): Promise<void> {
  const workload = chosenWorkload(flags)
  const trace = await chosenTrace(flags, workload)
  const machine = await chosenMachine(flags, workload?.machine ?? defaultMachine)
  const settings = engineSettings(flags, machine)
  const policies = chosenPolicies(flags)
  const progress = new ProgressLine(io.stderr)
  const runs = policies.map((policy): NamedRun => {
    const result = simulate(trace, {
      ...simulationOptions(machine, flags['prefixCache'] !== false, hostTokens(flags, machine)),
      ...settings,
      policy,
      toolTimes: new ToolDurations(),
      onProgress: done => { progress.show(`${policy.name}: ${Math.floor(done * 100)} %`) }
    })
    return { name: policy.name, requests: result.requests, summary: summarize(result.requests, result.durationMs) }
  })
  progress.end()
  await printRuns(runs, { title: `${trace.length} requests, simulated`, flags, io })
}

/** Prints what `simulate` and `replay` have in common. */
export async function printRuns (runs: readonly NamedRun[], { title, flags, io }: { title: string, flags: Flags, io: Io }): Promise<void> {
  const { chart } = flags
  const text = runTable(runs)
  if (typeof chart === 'string') await writeFile(chart, chartPage(title, text, runs))
  if (flags['json'] === true) {
    const withRequests = flags['requestResults'] === true
    printLine(io.stdout, JSON.stringify(runs.map(({ name, summary, requests }) => ({ name, ...summary, ...withRequests && { results: requests } })), null, 2))
  } else printLine(io.stdout, text)
  for (const reason of new Set(runs.flatMap(({ requests }) => requests.flatMap(({ failure }) => failure ?? [])).slice(0, 100))) {
    printLine(io.stderr, `failed: ${reason}`)
  }
}

function chosenWorkload ({ generate, trace }: Flags): Workload | undefined {
  if (typeof generate === 'string' && typeof trace === 'string') {
    throw new InvalidOptionError('trace', '--trace and --generate cannot be given together; leave out one of them.')
  }
  if (typeof generate !== 'string') return undefined
  const workload = Object.hasOwn(workloads, generate) ? workloads[generate as keyof typeof workloads] : undefined
  if (workload !== undefined) return workload
  throw new InvalidOptionError('generate', `There is no workload ${JSON.stringify(generate)}; there are ${workloadNames.join(', ')}.${didYouMean(generate, workloadNames)}`)
}

async function chosenTrace (flags: Flags, workload: Workload | undefined): Promise<TraceRequest[]> {
  const seed = numberFlag('seed', flags['seed'], 0, 2 ** 32 - 1) ?? 1
  const requests = numberFlag('requests', flags['requests'], 1, 1e7)
  const speed = numberFlag('speed', flags['speed'], 1e-6, 1e6) ?? 1
  const rate = numberFlag('rate', flags['rate'], 1e-6, 1e6)
  const accuracy = numberFlag('lengthAccuracy', flags['lengthAccuracy'], 0, 1)
  if (workload === undefined && rate !== undefined) throw new InvalidOptionError('rate', '--rate is for --generate; --speed changes how fast a trace is run.')
  const trace = workload === undefined
    ? (await readTraceFile(flags['trace'])).slice(0, requests)
    : workload.trace({ requests: Math.floor(requests ?? 1000), ratePerSec: rate ?? workload.ratePerSec, seed })
  const timed = spedUp(trace, speed)
  if (accuracy === undefined) return timed
  return accuracy === 1 ? withExactLengths(timed) : withBuckets(timed, accuracy, new SeededRandom(seed))
}

async function chosenMachine (flags: Flags, usual: Machine): Promise<Machine> {
  const whole = (name: string, fallback: number, maximum: number): number => Math.floor(numberFlag(name, flags[name], 1, maximum) ?? fallback)
  const { costs } = flags
  const maxNumSeqs = whole('maxNumSeqs', usual.maxNumSeqs, 65_536)
  const maxBatchTokens = whole('maxBatchTokens', Math.max(maxNumSeqs, usual.maxBatchTokens), 1e6)
  if (maxBatchTokens < maxNumSeqs) {
    throw new InvalidOptionError('maxBatchTokens', `--max-batch-tokens is ${maxBatchTokens}, but every one of ${maxNumSeqs} sequences takes a token of each step; raise it or lower --max-num-seqs.`)
  }
  return {
    times: typeof costs === 'string' ? parseStepTimes(await readFile(costs, 'utf8'), costs) : usual.times,
    maxNumSeqs,
    maxBatchTokens,
    maxModelLen: whole('maxModelLen', usual.maxModelLen, 1e8),
    kvTokens: whole('kvTokens', usual.kvTokens, 1e9),
    swap: usual.swap
  }
}

/** All are checked before the first one runs. */
function chosenPolicies ({ policy }: Flags): Policy[] {
  const names = typeof policy === 'string' ? policy.split(',').map(name => name.trim()) : [...policyNames]
  return names.map(name => {
    const made = createPolicy(name)
    checkPolicy(made)
    return made
  })
}
