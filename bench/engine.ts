// Speed of the engine alone, without HTTP: prefill, decode at several batch sizes, and what JavaScript
// costs beside it (delay of the event loop, idle time of the device between steps).
//
//   node --import tsx bench/engine.ts --model bench/checkpoints/qwen3-0.6b-bf16
//
// bench/cpu/main.ts sets such figures beside the machine's limits and other engines.
import { writeFileSync } from 'node:fs'
import { Command } from 'commander'
import { Engine } from '../src/engine/engine.js'
import type { PartialEngineOptions } from '../src/engine/options.js'
import { measureDecode, measurePrefill, warmUp, type DecodeRun } from './lib/engine-runs.js'
import { describeMachine } from './lib/machine.js'
import { median, medians } from './lib/statistics.js'
import { table } from './lib/table.js'

interface Options {
  model: string
  batches: string
  promptTokens: string
  outputTokens: string
  repeats: string
  kernels: NonNullable<PartialEngineOptions['kernels']>
  json?: string
}

const options = new Command()
  .description('Measures an engine on random prompts; greedy, ignoring end-of-sequence tokens.')
  .requiredOption('--model <path>', 'folder or GGUF file')
  .option('--batches <list>', 'sequences at once', '1,4,16')
  .option('--prompt-tokens <n>', 'tokens of each prompt', '128')
  .option('--output-tokens <n>', 'tokens of each answer', '64')
  .option('--repeats <n>', 'runs of each batch size; the median counts', '3')
  .option('--kernels <name>', 'as the engine takes it', 'auto')
  .option('--json <file>', 'write the figures there too')
  .parse().opts<Options>()

async function repeated<T> (run: () => Promise<T>): Promise<T[]> {
  const results: T[] = []
  for (let i = 0; i < Number(options.repeats); i++) results.push(await run())
  return results
}

const started = performance.now()
const engine = await Engine.load(options.model, { kernels: options.kernels, maxNumSeqs: 32 })
const loadMs = performance.now() - started
await warmUp(engine)

const prefillTokensPerSec = median(await repeated(() => measurePrefill(engine, 512)))
const batches: Array<{ batch: number } & DecodeRun> = []
for (const batch of options.batches.split(',').map(Number)) {
  const runs = await repeated(() => measureDecode(engine, batch, Number(options.promptTokens), Number(options.outputTokens)))
  batches.push({ batch, ...medians(runs) })
}
await engine.close()

const report = {
  machine: describeMachine(),
  command: `node --import tsx bench/engine.ts ${process.argv.slice(2).join(' ')}`,
  model: engine.modelName,
  kvDtype: engine.info.options.kvDtype,
  kernels: options.kernels,
  weightsBytes: engine.info.memory.weightsBytes,
  loadMs,
  prefillTokensPerSec,
  batches
}
console.log(`${report.model}, kernels ${report.kernels}, KV ${report.kvDtype}: loaded in ${loadMs.toFixed(0)} ms, prefill of 512 tokens ${prefillTokensPerSec.toFixed(0)} tokens/s`)
console.log(table(
  ['batch', 'tokens/s', 'weights GB/s', 'step ms', 'idle us/step', 'overhead ms/step', 'loop p50 ms', 'loop p99 ms'],
  batches.map(row => [
    String(row.batch), row.tokensPerSec, report.weightsBytes * row.tokensPerSec / row.batch / 1e9, row.stepMs,
    row.idleUsPerStep, row.overheadMsPerStep, row.loopDelayP50Ms, row.loopDelayP99Ms
  ])))
if (options.json !== undefined) writeFileSync(options.json, JSON.stringify(report, null, 2) + '\n')
