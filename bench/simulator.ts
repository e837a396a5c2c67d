// The simulator against the engine: one trace on both, with the costs of steps that the engine fitted on another.
//
//   npm run bench:simulator -- --model bench/checkpoints/qwen3-0.6b-bf16 --rate 0.3
//
// It ends with 1 when mean TTFT or mean latency differ by more than 10 %.
import { Command } from 'commander'
import { embeddedModelPath } from '../src/cli/model-name.js'
import { simulationOptions } from '../src/cli/simulation-options.js'
import { Engine } from '../src/engine/engine.js'
import { engineOptions } from '../src/engine/options.js'
import type { StepCosts } from '../src/profiler/step-costs.js'
import { createPolicy } from '../src/scheduler/policies/index.js'
import { stepTimeBudget } from '../src/scheduler/token-budget.js'
import { SeededRandom, wholeTokens } from '../src/simulator/random.js'
import type { RequestResult } from '../src/simulator/request-result.js'
import { simulate } from '../src/simulator/simulation.js'
import { linearTimes } from '../src/simulator/step-times.js'
import { summarize, type Summary } from '../src/simulator/summary.js'
import type { TraceRequest } from '../src/simulator/trace-request.js'
import { poissonArrivals } from '../src/simulator/workloads/arrivals.js'
import { plain, randomPrompt, warmUp } from './lib/engine-runs.js'
import { goalsText, isMet, type Goal } from './lib/goals.js'
import { table } from './lib/table.js'

const options = new Command()
  .description('Runs a trace of chat-like requests on an engine and in simulation.')
  .option('--model <path>', 'folder or GGUF file', embeddedModelPath)
  .option('--requests <n>', 'requests of the trace, and of the one before it that costs are fitted to', '150')
  .option('--rate <n>', 'requests a second', '12')
  .option('--prompt-tokens <n>', 'of a prompt in the middle', '120')
  .option('--output-tokens <n>', 'of an answer in the middle', '60')
  .option('--seed <n>', 'of the traces', '1')
  .parse().opts<{ model: string, requests: string, rate: string, promptTokens: string, outputTokens: string, seed: string }>()

const maxNumSeqs = 16
const maxBatchTokens = 256
const maxModelLen = 2048
const seed = Number(options.seed)

function makeTrace (seed: number): TraceRequest[] {
  const random = new SeededRandom(seed)
  return poissonArrivals(random, Number(options.requests), Number(options.rate)).map(arrivalMs => {
    const outputTokens = wholeTokens(random.lognormal(Number(options.outputTokens), 0.7), 1, 400)
    const promptTokens = wholeTokens(random.lognormal(Number(options.promptTokens), 0.8), 4, 1200)
    return { arrivalMs, promptTokens, outputTokens, maxTokens: outputTokens }
  })
}

interface Figures extends Summary {
  readonly steps: number
  readonly stepMeanMs: number
}

async function onEngine (engine: Engine, trace: readonly TraceRequest[]): Promise<Summary> {
  const startMs = performance.now()
  const results = await Promise.all(trace.map(async ({ arrivalMs, promptTokens, outputTokens }, index): Promise<RequestResult> => {
    await new Promise(resolve => { setTimeout(resolve, startMs + arrivalMs - performance.now()) })
    const sentMs = performance.now()
    const prompt = randomPrompt(engine.info.spec.vocabSize, promptTokens)
    const { timeline, usage } = await engine.complete({ prompt, maxTokens: outputTokens, ...plain }).result()
    return {
      index,
      arrivalMs: sentMs - startMs,
      promptTokens,
      outputTokens,
      slo: {},
      failure: undefined,
      ttftMs: timeline.ttftMs!,
      e2eMs: performance.now() - sentMs,
      queueMs: timeline.queueMs,
      toolMs: 0,
      preemptions: 0,
      cachedTokens: usage.cachedTokens
    }
  }))
  return summarize(results, performance.now() - startMs)
}

const engine = await Engine.load(options.model, { maxNumSeqs, maxBatchTokens, maxModelLen })
await warmUp(engine)
await onEngine(engine, makeTrace(seed + 1000))
const { profiler: { stepCosts, stepCostQuality }, kv, steps: before } = engine.stats()
const trace = makeTrace(seed)
const real = await onEngine(engine, trace)
const { profiler: { stepCosts: laterCosts }, steps: after } = engine.stats()
const kvTokens = kv.totalBlocks * engine.info.options.blockTokens
await engine.close()

const run = (costs: StepCosts): Figures => {
  const machine = { times: linearTimes(costs), maxNumSeqs, maxBatchTokens, maxModelLen, kvTokens }
  const { requests, durationMs, busyMs, steps } = simulate(trace, {
    ...simulationOptions(machine, false), policy: createPolicy(engineOptions.policy.default), budget: stepTimeBudget()
  })
  return { ...summarize(requests, durationMs), steps, stepMeanMs: busyMs / steps }
}
const simulated = run(stepCosts)
// What is left of the difference when the machine's speed of this very run is known.
const informed = run(laterCosts)
const steps = after.steps - before.steps
const measured: Figures = { ...real, steps, stepMeanMs: (after.busyMs - before.busyMs) / steps }

const figures = ['ttftMeanMs', 'ttftP50Ms', 'ttftP99Ms', 'tpotMeanMs', 'e2eMeanMs', 'e2eP99Ms', 'queueMeanMs', 'outputTokensPerSec', 'steps', 'stepMeanMs'] as const
console.log(`${engine.modelName}: ${trace.length} requests at ${options.rate}/s; costs ${JSON.stringify(stepCosts)}, ${JSON.stringify(stepCostQuality)}\n`)
console.log(table(['', 'engine', 'simulator', 'ratio', 'costs of this run', 'ratio'], figures.map(name =>
  [name, measured[name], simulated[name], simulated[name] / measured[name], informed[name], informed[name] / measured[name]])))
const goal = (name: string, key: 'ttftMeanMs' | 'e2eMeanMs'): Goal =>
  ({ name: `${name}, simulator over engine`, value: simulated[key] / real[key], atLeast: 0.9, atMost: 1.1 })
const goals = [goal('mean TTFT', 'ttftMeanMs'), goal('mean latency', 'e2eMeanMs')]
console.log(`\n${goalsText(goals)}`)
process.exitCode = goals.every(isMet) ? 0 : 1
