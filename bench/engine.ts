// Speed of the engine alone, without HTTP: prefill, decode at several batch sizes, and what JavaScript
// costs beside it (delay of the event loop, idle time of the device between steps).
//
//   node --import tsx bench/engine.ts --model bench/checkpoints/qwen3-0.6b-bf16
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { execFileSync } from 'node:child_process'
import { Command } from 'commander'
import { Engine } from '../src/engine/engine.js'

interface Options {
  model: string
  batches: string
  promptTokens: string
  outputTokens: string
  repeats: string
  kernels: 'auto' | 'scalar' | 'avx2' | 'avx512'
  json?: string
}

/** One batch size, medians over the repeats. */
interface Row {
  batch: number
  /** All sequences together, from the moment the last prompt is done to the last token. */
  decodeTokensPerSec: number
  /** Weights read per second of decoding, each step reading them once. */
  decodeGBPerSec: number
  stepMs: number
  /** Device idle between two steps while requests ran. */
  idleUsPerStep: number
  loopDelayP50Ms: number
  loopDelayP99Ms: number
}

const options = new Command()
  .description('Measures an engine on random prompts; greedy, ignoring end-of-sequence tokens.')
  .requiredOption('--model <path>', 'folder or GGUF file')
  .option('--batches <list>', 'sequences at once', '1,4,16')
  .option('--prompt-tokens <n>', 'tokens of each prompt', '128')
  .option('--output-tokens <n>', 'tokens of each answer', '64')
  .option('--repeats <n>', 'runs of each batch size; the median counts', '3')
  .option('--kernels <name>', 'auto, scalar, avx2 or avx512', 'auto')
  .option('--json <file>', 'write the figures there too')
  .parse().opts<Options>()

const promptTokens = Number(options.promptTokens)
const outputTokens = Number(options.outputTokens)
const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!

// Prompts differ from their first token on, so that the prefix cache has no part in it.
let promptsMade = 0
function randomPrompt (vocabSize: number, length: number): number[] {
  let state = ++promptsMade * 2654435761 >>> 0
  return Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return 300 + (state >>> 8) % (vocabSize - 400)
  })
}

async function measurePrefill (engine: Engine): Promise<number> {
  const rates: number[] = []
  for (let i = 0; i < Number(options.repeats); i++) {
    const prompt = randomPrompt(engine.info.spec.vocabSize, 512)
    const { timeline } = await engine.complete({ prompt, maxTokens: 1, temperature: 0, ignoreEos: true }).result()
    rates.push(512 / timeline.e2eMs * 1000)
  }
  return median(rates)
}

async function measureBatch (engine: Engine, batch: number): Promise<Row> {
  const runs: Row[] = []
  for (let i = 0; i < Number(options.repeats); i++) runs.push(await runBatch(engine, batch))
  const of = (key: keyof Row) => median(runs.map(run => run[key]))
  return {
    batch,
    decodeTokensPerSec: of('decodeTokensPerSec'),
    decodeGBPerSec: of('decodeGBPerSec'),
    stepMs: of('stepMs'),
    idleUsPerStep: of('idleUsPerStep'),
    loopDelayP50Ms: of('loopDelayP50Ms'),
    loopDelayP99Ms: of('loopDelayP99Ms')
  }
}

async function runBatch (engine: Engine, batch: number): Promise<Row> {
  const prompts = Array.from({ length: batch }, () => randomPrompt(engine.info.spec.vocabSize, promptTokens))
  let waiting = batch
  let startMs = 0
  let before = engine.stats().steps
  const delay = monitorEventLoopDelay({ resolution: 1 })
  const consume = async (prompt: number[]) => {
    const generation = engine.complete({ prompt, maxTokens: outputTokens, temperature: 0, ignoreEos: true })
    let isFirst = true
    let counted = 0
    for await (const chunk of generation) {
      if (isFirst && --waiting === 0) {
        startMs = performance.now()
        before = engine.stats().steps
        delay.enable()
      } else if (startMs > 0) counted += chunk.tokenIds.length
      isFirst = false
    }
    return counted
  }
  const counts = await Promise.all(prompts.map(consume))
  const endMs = performance.now()
  delay.disable()
  const after = engine.stats().steps
  const steps = after.steps - before.steps
  const seconds = (endMs - startMs) / 1000
  return {
    batch,
    decodeTokensPerSec: counts.reduce((sum, count) => sum + count, 0) / seconds,
    decodeGBPerSec: engine.info.memory.weightsBytes * steps / seconds / 1e9,
    stepMs: (after.busyMs - before.busyMs) / steps,
    idleUsPerStep: (after.gapMs - before.gapMs) / steps * 1000,
    // The monitor counts its own 1 ms timer as delay.
    loopDelayP50Ms: Math.max(0, delay.percentile(50) / 1e6 - 1),
    loopDelayP99Ms: Math.max(0, delay.percentile(99) / 1e6 - 1)
  }
}

const started = performance.now()
const engine = await Engine.load(options.model, { kernels: options.kernels, maxNumSeqs: 32 })
const loadMs = performance.now() - started
await engine.complete({ prompt: randomPrompt(engine.info.spec.vocabSize, 64), maxTokens: 8, ignoreEos: true }).result()

const prefillTokensPerSec = await measurePrefill(engine)
const rows: Row[] = []
for (const batch of options.batches.split(',').map(Number)) rows.push(await measureBatch(engine, batch))
await engine.close()

const report = {
  date: new Date().toISOString().slice(0, 10),
  commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
  machine: `${cpus().length} x ${cpus()[0]!.model}`,
  node: process.version,
  command: `node --import tsx bench/engine.ts ${process.argv.slice(2).join(' ')}`,
  model: engine.modelName,
  kvDtype: engine.info.options.kvDtype,
  kernels: options.kernels,
  weightsBytes: engine.info.memory.weightsBytes,
  loadMs,
  prefillTokensPerSec,
  batches: rows
}
console.log(`${report.model}, kernels ${report.kernels}, KV ${report.kvDtype}: loaded in ${loadMs.toFixed(0)} ms, prefill of 512 tokens ${prefillTokensPerSec.toFixed(0)} tokens/s`)
const rounded = (row: Row) => Object.entries(row).map(([key, value]: [string, number]) => [key, Number(value.toFixed(2))])
console.table(rows.map(row => Object.fromEntries(rounded(row)) as unknown))
if (options.json !== undefined) writeFileSync(options.json, JSON.stringify(report, null, 2) + '\n')
