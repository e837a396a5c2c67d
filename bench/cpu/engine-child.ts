// Loads an engine, does the jobs that its argument lists, prints one line of JSON: run by millrace.ts.
import { setTimeout as sleep } from 'node:timers/promises'
import { Engine } from '../../src/engine/engine.js'
import { measureDecode, measurePrefill, measurePrefix, plain, randomPrompt, warmUp } from '../lib/engine-runs.js'
import { processMemory } from '../lib/machine.js'
import type { EngineJob, EngineReport, EngineTask, JobResult, MemoryRun } from './engine-jobs.js'
import { startNeighbour } from './neighbour.js'

const baseRssBytes = processMemory('self').rssBytes

async function report ({ model, options, jobs }: EngineTask): Promise<EngineReport> {
  const started = performance.now()
  let engine: Engine
  try {
    engine = await Engine.load(model, options)
  } catch (error) {
    const { code = 'ERR', message } = error as Error & { code?: string }
    return { ok: false, code, message }
  }
  const loadMs = performance.now() - started
  await warmUp(engine)
  const results: JobResult[] = []
  for (const job of jobs) {
    results.push(await runJob(engine, job).catch((error: unknown): JobResult => ({ kind: 'failed', message: String(error) })))
  }
  const { memory, options: resolved } = engine.info
  const { steps } = engine.stats()
  await engine.close()
  return { ok: true, loadMs, kvDtype: resolved.kvDtype, memory, results, steps }
}

async function runJob (engine: Engine, job: EngineJob): Promise<JobResult> {
  switch (job.kind) {
    case 'prefill': return { kind: 'prefill', tokensPerSec: await measurePrefill(engine, job.tokens) }
    case 'prefix': return { kind: 'prefix', run: await measurePrefix(engine, job.tokens) }
    case 'memory': return { kind: 'memory', run: await measureMemory(engine) }
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
