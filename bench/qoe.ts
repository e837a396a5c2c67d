// Proteus's comparison, simulated: 8192 readers over good and bad links ask a GPU for a third more than it can do. What
// orders by arrival, by link and pacing make of the wait for the first token and of the reading after it.
// Full steps and no reserve: every step takes the same time here, and memory is not scarce.
//
//   npm run bench:qoe
//
// It ends with 1 when a goal is missed.
import { writeFileSync } from 'node:fs'
import { Command } from 'commander'
import { simulationOptions } from '../src/cli/simulation-options.js'
import { createPolicy } from '../src/scheduler/policies/index.js'
import { simulate, type SimulationOptions } from '../src/simulator/simulation.js'
import { ascending, quantile } from '../src/simulator/summary.js'
import { workloads } from '../src/simulator/workloads/index.js'
import { proteusTrace } from '../src/simulator/workloads/proteus.js'
import { goalsText, isMet, type Goal } from './lib/goals.js'
import { table } from './lib/table.js'

const options = new Command()
  .description('Simulates Proteus\'s workload under several policies, with and without pacing.')
  .option('--seeds <n>', 'traces; the mean counts', '3')
  .option('--requests <n>', 'of each trace', '8192')
  .option('--json <file>', 'write the figures there too')
  .parse().opts<{ seeds: string, requests: string, json?: string }>()

const seeds = Array.from({ length: Number(options.seeds) }, (_, i) => i + 1)
const requests = Number(options.requests)
const { machine } = workloads.proteus

const paced = (maxResidentSeqs: number): Partial<SimulationOptions> => ({ pacing: { maxResidentSeqs } })

const systems: Readonly<Record<string, () => Partial<SimulationOptions>>> = {
  'fcfs': () => ({ policy: createPolicy('fcfs') }),
  'network, health first': () => ({ policy: createPolicy('network', { agingMs: 0 }) }),
  'network, aging 20 s': () => ({ policy: createPolicy('network') }),
  'network, aging 60 s': () => ({ policy: createPolicy('network', { agingMs: 60_000 }) }),
  'adaptive': () => ({ policy: createPolicy('adaptive') }),
  'qoe on fcfs': () => ({ policy: createPolicy('fcfs'), ...paced(requests) }),
  'qoe on fcfs, 2048 resident': () => ({ policy: createPolicy('fcfs'), ...paced(2048) }),
  'qoe on fcfs, 1024 resident': () => ({ policy: createPolicy('fcfs'), ...paced(1024) }),
  'qoe on network, 1024 resident': () => ({ policy: createPolicy('network'), ...paced(1024) }),
  'qoe on adaptive, 1024 resident': () => ({ policy: createPolicy('adaptive'), ...paced(1024) })
}

/** One answer, as its client sees it: times from when he asked. */
interface Answer {
  readonly link: string
  readonly ttftMs: number
  readonly e2eMs: number
  readonly endMs: number
  readonly tokens: number
  readonly qoe: number
}

function answersOf (system: Partial<SimulationOptions>, ratePerSec: number, seed: number): Answer[] {
  const trace = proteusTrace({ requests, ratePerSec, seed })
  const { requests: results } = simulate(trace, { ...simulationOptions(machine, false), ...system })
  return results.map(({ ttftMs, e2eMs, arrivalMs, outputTokens, qoe }, i): Answer => {
    const { link, rttMs } = trace[i]!
    return { link, ttftMs: ttftMs + rttMs, e2eMs: e2eMs + rttMs, endMs: arrivalMs + e2eMs + rttMs / 2, tokens: outputTokens, qoe: qoe! }
  })
}

interface Row {
  readonly ttftMs: number
  readonly coreTtftMs: number
  readonly ttftP99Ms: number
  readonly badTtftP99Ms: number
  readonly veryBadTtftP99Ms: number
  readonly qoe: number
  readonly qoeByLink: Readonly<Record<string, number>>
  readonly e2eMs: number
  /** Tokens that have come to clients, by the time of the last one. */
  readonly tokensPerSec: number
  readonly coreTokensPerSec: number
  /** Answers that had begun and not ended, at most. */
  readonly resident: number
}

const links = ['very good', 'good', 'bad', 'very bad']
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

function rowOf (answers: readonly Answer[]): Row {
  const ofLink = (link: string): Answer[] => answers.filter(answer => answer.link === link)
  const core = answers.filter(({ link }) => link.endsWith('good'))
  const ttfts = (some: readonly Answer[]): number[] => ascending(some.map(({ ttftMs }) => ttftMs))
  return {
    ttftMs: mean(ttfts(answers)),
    coreTtftMs: mean(ttfts(core)),
    ttftP99Ms: quantile(ttfts(answers), 0.99),
    badTtftP99Ms: quantile(ttfts(ofLink('bad')), 0.99),
    veryBadTtftP99Ms: quantile(ttfts(ofLink('very bad')), 0.99),
    qoe: mean(answers.map(({ qoe }) => qoe)),
    qoeByLink: Object.fromEntries(links.map(link => [link, mean(ofLink(link).map(({ qoe }) => qoe))])),
    e2eMs: mean(answers.map(({ e2eMs }) => e2eMs)),
    tokensPerSec: received(answers),
    coreTokensPerSec: received(core),
    resident: mostAtOnce(answers)
  }
}

function received (answers: readonly Answer[]): number {
  return answers.reduce((sum, { tokens }) => sum + tokens, 0) / (Math.max(...answers.map(({ endMs }) => endMs)) / 1000)
}

function mostAtOnce (answers: readonly Answer[]): number {
  const events = answers.flatMap(({ endMs, e2eMs, ttftMs }) => [[endMs - e2eMs + ttftMs, 1], [endMs, -1]] as const)
  let now = 0
  return Math.max(...events.sort((a, b) => a[0] - b[0]).map(([, change]) => now += change))
}

function meanRow (rows: readonly Row[]): Row {
  const average = (value: (row: Row) => number): number => mean(rows.map(value))
  const names = Object.keys(rows[0]!).filter(name => name !== 'qoeByLink') as Array<Exclude<keyof Row, 'qoeByLink'>>
  return {
    ...Object.fromEntries(names.map(name => [name, average(row => row[name])])),
    qoeByLink: Object.fromEntries(links.map(link => [link, average(row => row.qoeByLink[link]!)]))
  } as unknown as Row
}

function print (title: string, rows: Readonly<Record<string, Row>>): void {
  console.log(`\n${title}\n`)
  console.log(table(['', 'TTFT s', 'core s', 'bad p99 s', 'very bad p99 s', 'QoE', 'bad', 'very bad', 'e2e s', 'tokens/s', 'core', 'resident'],
    Object.entries(rows).map(([name, row]) => [
      name, row.ttftMs / 1000, row.coreTtftMs / 1000, row.badTtftP99Ms / 1000, row.veryBadTtftP99Ms / 1000,
      row.qoe, row.qoeByLink['bad'], row.qoeByLink['very bad'], row.e2eMs / 1000, row.tokensPerSec, row.coreTokensPerSec, Math.round(row.resident)
    ])))
}

const report: Record<string, Readonly<Record<string, Row>>> = {}
const settings = [['50 requests/s, 1.3 times what the GPU does', 50, Object.keys(systems)], ['34 requests/s, 0.9 times what it does', 34, ['fcfs', 'network, health first', 'qoe on fcfs']]] as const
for (const [title, ratePerSec, names] of settings) {
  report[title] = Object.fromEntries(names.map(name => [name, meanRow(seeds.map(seed => rowOf(answersOf(systems[name]!(), ratePerSec, seed))))]))
  print(title, report[title])
}

const [full, light] = settings.map(([title]) => report[title]!) as [Record<string, Row>, Record<string, Row>]
const fcfs = full['fcfs']!
const strict = full['network, health first']!
const qoe = full['qoe on fcfs']!
const goals: Goal[] = [
  { name: 'an order changes the mean TTFT by s', value: Math.abs(strict.ttftMs - fcfs.ttftMs) / 1000, atMost: 0.1 },
  { name: 'health first: TTFT of good links, s', value: strict.coreTtftMs / 1000, atMost: 15.5 },
  { name: 'aging 20 s: p99 of very bad links above fcfs\'s p99, s', value: (full['network, aging 20 s']!.veryBadTtftP99Ms - fcfs.ttftP99Ms) / 1000, atMost: 20 },
  { name: 'qoe: mean TTFT, s', value: qoe.ttftMs / 1000, atMost: 1 },
  { name: 'qoe: mean QoE', value: qoe.qoe, atLeast: 0.72 },
  { name: 'qoe: QoE of bad links', value: qoe.qoeByLink['bad']!, atLeast: 0.65 },
  { name: 'with room for all, qoe adds to e2e, %', value: (light['qoe on fcfs']!.e2eMs / light['fcfs']!.e2eMs - 1) * 100, atMost: 1 }
]
console.log()
console.log(goalsText(goals))
if (options.json !== undefined) writeFileSync(options.json, JSON.stringify({ goals, ...report }, null, 2) + '\n')
process.exitCode = goals.every(isMet) ? 0 : 1
