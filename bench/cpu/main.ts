// Millrace and its peers on this machine's CPU, beside what the machine can do: npm run bench:cpu -- --help
// docs/benchmarks.md says how to read the tables.
import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { Command, InvalidArgumentError } from 'commander'
import { busyCores, describeMachine } from '../lib/machine.js'
import { table } from '../lib/table.js'
import { measureDecodes, measurePrefills } from './alone.js'
import { measureCeilings } from './ceilings.js'
import { measureContention } from './contention.js'
import { disturbances, type Context, type Section } from './context.js'
import { benchFormats } from './formats.js'
import { measureHttp } from './http.js'
import { computeCeiling, kernelLevels, readCeiling, type Ceilings, type Kernels } from './limits.js'
import { LlamaCpp } from './llama-cpp.js'
import { measureMemory } from './memory.js'
import { modelNames } from './models.js'
import { NodeLlamaCpp } from './node-llama-cpp.js'
import { measurePrefixes } from './prefix.js'
import { measureStepStages } from './stages.js'
import { measureBetweenSteps } from './steps.js'

const parts: Readonly<Record<string, (context: Context) => Promise<Section>>> = {
  prefill: context => measurePrefills(context, [512]),
  long: context => measurePrefills(context, [512, 8192]),
  decode: measureDecodes,
  stages: measureStepStages,
  step: measureBetweenSteps,
  http: measureHttp,
  contention: measureContention,
  prefix: measurePrefixes,
  memory: measureMemory
}
const formatNames = benchFormats.map(({ name }) => name)

interface Options {
  only: string[]
  models: string[]
  formats: string[]
  batches: number[]
  repeat: number
  kernels: Kernels
  threads: number
  llamaCpp?: string
  nodeLlamaCpp: boolean
  quick: boolean
  busyOk: boolean
  name: string
}

function listOf (allowed: readonly string[]): (text: string) => string[] {
  return text => {
    const items = text.split(',')
    const wrong = items.find(item => !allowed.includes(item))
    if (wrong !== undefined) throw new InvalidArgumentError(`${wrong} is none of ${allowed.join(', ')}.`)
    return items
  }
}

function oneOf (allowed: readonly string[]): (text: string) => string {
  return text => listOf(allowed)(text)[0]!
}

function count (text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('It must be a whole number from 1.')
  return value
}

function readOptions (): Options {
  const options = new Command('npm run bench:cpu --')
    .description('Measures Millrace on the CPU beside llama.cpp and beside what the machine can do. Make sure that nothing else runs.')
    .option('--only <parts>', `what to measure: ${Object.keys(parts).join(', ')}, or ceilings alone`, listOf(['ceilings', ...Object.keys(parts)]), Object.keys(parts))
    .option('--models <names>', 'shapes of bench/make-checkpoint.mjs', listOf(modelNames), ['qwen3-0.6b', 'llama-3.2-1b'])
    .option('--formats <names>', formatNames.join(', '), listOf(formatNames), ['bf16', 'q8_0', 'q4_0'])
    .option('--batches <numbers>', 'sequences at once, and streams over HTTP', text => text.split(',').map(count), [1, 4, 16, 32])
    .option('--repeat <n>', 'rounds; the median counts', count, 3)
    .option('--kernels <name>', `auto, ${kernelLevels.join(', ')}; limits the ceilings too`, oneOf(['auto', ...kernelLevels]), 'auto')
    .option('--threads <n>', 'compute threads of every engine', count, availableParallelism())
    .option('--llama-cpp <folder>', 'with llama-bench, llama-batched-bench and llama-server; without it there is no peer')
    .option('--node-llama-cpp', 'decode with node-llama-cpp too; installs it into an ignored folder', false)
    .option('--quick', 'one model, one round, batches 1 and 16, BF16 and Q8_0, prefill and decode', false)
    .option('--busy-ok', 'measure although other processes run: the figures are then good for nothing but a first look', false)
    .option('--name <text>', 'part of the name of the result files', 'bench')
    .parse()
  const given = options.opts<Options>()
  if (!given.quick) return given
  const quick = { only: ['prefill', 'decode'], models: ['qwen3-0.6b'], formats: ['bf16', 'q8_0'], batches: [1, 16], repeat: 1 }
  const unset = Object.entries(quick).filter(([name]) => options.getOptionValueSource(name) === 'default')
  return { ...given, ...Object.fromEntries(unset) }
}

function ceilingsSection (ceilings: Ceilings, kernels: Kernels): Section {
  const most = ceilings.reading.filter(({ gbPerSec }) => gbPerSec * 1e9 === readCeiling(ceilings))[0]
  const rows = [
    ...ceilings.arithmetic.map(({ name, threads, gopsPerSec }) => [name, threads, gopsPerSec, 'Gop/s'] as const),
    ...[...new Set(ceilings.reading.map(({ threads }) => threads))].flatMap(threads => (['4K', '2M'] as const).map(pages => {
      const rates = ceilings.reading.filter(one => one.threads === threads && one.pages === pages).map(({ gbPerSec }) => gbPerSec)
      return [`read, pages of ${pages}`, threads, Math.max(...rates), 'GB/s'] as const
    }))
  ]
  const [float, int8] = (['float', 'int8'] as const).map(arithmetic => (computeCeiling(ceilings, arithmetic, kernels) / 1e12).toFixed(2))
  const note = `Limits are computed with ${(readCeiling(ceilings) / 1e9).toFixed(1)} GB/s (${most?.streams} streams a thread), ${float} TFLOP/s for BF16 and ${int8} Top/s for 8 and 4 bits.`
  return { title: 'ceilings of this machine', note, head: ['what', 'threads', 'rate', ''], textColumns: 1, rows, figures: [ceilings] }
}

function show (section: Section): string {
  return `## ${section.title}\n\n${section.note}\n\n${table(section.head, section.rows, section.textColumns)}\n`
}

const options = readOptions()
const others = await busyCores(2000)
if (others > 0.2 && !options.busyOk) {
  console.error(`Other processes use ${others.toFixed(1)} cores. Stop them, or measure all the same with --busy-ok.`)
  process.exit(1)
}
const llama = options.llamaCpp === undefined ? undefined : new LlamaCpp(options.llamaCpp, options.threads)
const nodeLlama = options.nodeLlamaCpp ? await NodeLlamaCpp.install(options.threads) : undefined
console.error('measuring the ceilings')
const ceilings = await measureCeilings({ quick: options.quick, threads: options.threads })
const formats = benchFormats.filter(({ name }) => options.formats.includes(name))
const context: Context = { ...options, formats, ceilings, llama, nodeLlama }

const machine = describeMachine()
const versions = { llamaCpp: await llama?.version(), nodeLlamaCpp: nodeLlama?.version }
// Results are for others to read: where this machine keeps its programs is not.
const command = `npm run bench:cpu -- ${process.argv.slice(2).map(word => word === options.llamaCpp ? '<folder>' : word).join(' ')}`
const folder = new URL('../results/', import.meta.url)
mkdirSync(folder, { recursive: true })
const file = new URL(`${machine.date.slice(0, 10)}-cpu-${options.name}`, folder)
const sections: Section[] = []

/** Written after every part, so that a run that is stopped leaves what it has measured. */
function save (): void {
  const report = {
    machine, versions, command, threads: options.threads, kernels: options.kernels, repeat: options.repeat, busyCoresBefore: others,
    busyCoresBetween: disturbances, sections: sections.map(({ title, note, figures }) => ({ title, note, figures }))
  }
  writeFileSync(`${file.pathname}.json`, JSON.stringify(report, null, 1) + '\n')
  const peers = [versions.llamaCpp && `llama.cpp ${versions.llamaCpp}`, versions.nodeLlamaCpp && `node-llama-cpp ${versions.nodeLlamaCpp}`].filter(Boolean)
  const about = `${machine.cores} cores of ${machine.cpu}, ${options.threads} compute threads, kernels ${options.kernels}, commit ${machine.commit}, Node ${machine.node}, ` +
    `${machine.date.slice(0, 10)}; ${peers.join('; ') || 'no peer'}. Medians of ${options.repeat}.`
  writeFileSync(`${file.pathname}.md`, `# CPU benchmark\n\n${about}\n\n\`${command}\`\n\n${sections.map(show).join('\n')}`)
}

function add (section: Section): void {
  sections.push(section)
  console.log(show(section))
  save()
}

if (ceilings !== undefined) add(ceilingsSection(ceilings, options.kernels))
for (const name of options.only) {
  const measure = parts[name]
  if (measure !== undefined) add(await measure(context))
}
const disturbed = Math.max(0, ...disturbances)
if (disturbed > 0.2) console.error(`Other processes used up to ${disturbed.toFixed(1)} cores between the runs: take these figures with care.`)
console.error(`written: ${file.pathname}.json and .md`)
