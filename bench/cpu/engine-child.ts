// Loads an engine, does the jobs that its argument lists, prints one line of JSON: run by millrace.ts.
import { setTimeout as sleep } from 'node:timers/promises'
import { Engine } from '../../src/engine/engine.js'
import type { EngineParts } from '../../src/engine/engine-model.js'
import { loadParts } from '../../src/engine/load.js'
import type { NativeModel } from '../../src/native/binding.js'
import { measureDecode, measurePrefill, measurePrefix, plain, randomPrompt, warmUp } from '../lib/engine-runs.js'
import { processMemory } from '../lib/machine.js'
import type { EngineJob, EngineReport, EngineTask, JobResult, MemoryRun } from './engine-jobs.js'
import { startNeighbour } from './neighbour.js'
import { measureStages } from './stage-run.js'
import { measureSteps, StepRecorder } from './step-run.js'

const baseRssBytes = processMemory('self').rssBytes

async function report ({ model, options, jobs }: EngineTask): Promise<EngineReport> {
  const started = performance.now()
  let parts: EngineParts
  try {
    parts = await loadParts(model, options, { stageTimes: jobs.some(({ kind }) => kind === 'stages') })
  } catch (error) {
    const { code = 'ERR', message } = error as Error & { code?: string }
    return { ok: false, code, message }
  }
  const tools: Tools = { model: parts.model, recorder: new StepRecorder(parts.model) }
  const isRecorded = jobs.some(({ kind }) => kind === 'step')
  const engine = new Engine(isRecorded ? { ...parts, model: tools.recorder.model } : parts)
  const loadMs = performance.now() - started
  await warmUp(engine)
  const results: JobResult[] = []
  for (const job of jobs) {
    results.push(await runJob(engine, tools, job).catch((error: unknown): JobResult => ({ kind: 'failed', message: String(error) })))
  }
  const { memory, options: resolved } = engine.info
  const { steps } = engine.stats()
  await engine.close()
  return { ok: true, loadMs, kvDtype: resolved.kvDtype, memory, results, steps }
}

interface Tools { readonly model: NativeModel, readonly recorder: StepRecorder }

async function runJob (engine: Engine, { model, recorder }: Tools, job: EngineJob): Promise<JobResult> {
  switch (job.kind) {
    case 'prefill': return { kind: 'prefill', tokensPerSec: await measurePrefill(engine, job.tokens) }
    case 'prefix': return { kind: 'prefix', run: await measurePrefix(engine, job.tokens) }
    case 'memory': return { kind: 'memory', run: await measureMemory(engine) }
    case 'stages': return { kind: 'stages', run: await measureStages(engine, model, job.of) }
    case 'step': return { kind: 'step', run: await measureSteps(engine, recorder, job.batch, job.promptTokens, job.outputTokens) }
    case 'decode': {
      const stopNeighbour = await startNeighbour(job.neighbour)
      try {
        return { kind: 'decode', run: await measureDecode(engine, job.batch, job.promptTokens, job.outputTokens) }
      } finally {
        await stopNeighbour()
      }
    }
  }
}

/** After work of every size, so that buffers are there: a long prompt, then several sequences. */
async function measureMemory (engine: Engine): Promise<MemoryRun> {
  const prompts = Array.from({ length: 8 }, () => randomPrompt(engine.info.spec.vocabSize, 256))
  await Promise.all(prompts.map(prompt => engine.complete({ prompt, maxTokens: 16, ...plain }).result()))
  await sleep(200)
  const before = process.cpuUsage()
  await sleep(1000)
  const { user, system } = process.cpuUsage(before)
  const { kv } = engine.stats()
  const { rssBytes, anonymousBytes } = processMemory('self')
  return {
    baseRssBytes,
    rssBytes,
    anonymousBytes,
    usedKvBytes: (kv.totalBlocks - kv.freeBlocks) / kv.totalBlocks * engine.info.memory.kvBytes,
    idleCpuShare: (user + system) / 1e6
  }
}

console.log(JSON.stringify(await report(JSON.parse(process.argv[2]!) as EngineTask)))
