// Where the time of a step goes: every kind of operation, of a decode step and of a prompt.
import type { StageTime } from '../../src/native/binding.js'
import { median } from '../lib/statistics.js'
import { percent, type Cell } from '../lib/table.js'
import { announce, failure, kvFor, maxBatchTokens, millraceJobs, outputTokens, promptTokens, type Context, type Section } from './context.js'
import type { JobResult, StagedWork } from './engine-jobs.js'
import { decodeBytesPerStep, prefillFlopsPerToken } from './limits.js'
import { costsOf, productNames } from './models.js'
import type { StagesRun } from './stage-run.js'

const prefillTokens = 512
/** What takes less of a step is summed up. */
const smallShare = 0.005

/** Per step. */
interface Stage {
  readonly name: string
  readonly calls: number
  readonly ms: number
  /** What it has to read, and the operations that it has to do; undefined where the shape does not say. */
  readonly bytes: number | undefined
  readonly ops: number | undefined
}

export async function measureStepStages (context: Context): Promise<Section> {
  const rows: Cell[][] = []
  const figures: object[] = []
  const works: StagedWork[] = [
    ...context.batches.map(batch => ({ kind: 'decode', batch, promptTokens, outputTokens } as const)),
    { kind: 'prefill', tokens: prefillTokens }
  ]
  const most = Math.max(...context.batches)
  const options = { maxBatchTokens, maxNumSeqs: most, maxModelLen: prefillTokens + 256 }
  for (const model of context.models) {
    for (const format of context.formats) {
      const runs = works.map((): StagesRun[] => [])
      let failed: string | undefined
      for (let round = 0; round < context.repeat && failed === undefined; round++) {
        await announce(`stages ${model} ${format.name}, round ${round + 1} of ${context.repeat}`)
        const jobs = works.map(of => ({ kind: 'stages', of } as const))
        const report = await millraceJobs(context, model, format, jobs, { ...options, ...kvFor(model, most * 256 + prefillTokens) })
        if (!report.ok) failed = failure(report)
        else report.results.forEach((result, i) => { runs[i]!.push(runOf(result)) })
      }
      if (failed !== undefined) rows.push([model, format.name, failed])
      else works.forEach((work, i) => {
        const stepMs = median(runs[i]!.map(({ busyMs, steps }) => busyMs / steps))
        const stages = stagesOf(model, work, runs[i]!)
        const step = work.kind === 'decode' ? `decode, batch ${work.batch}` : `prompt of ${work.tokens}`
        for (const { name, calls, ms, bytes, ops } of [...summedUp(stages, stepMs), wholeStep(stages, stepMs)]) {
          const rate = (amount: number | undefined) => amount === undefined || amount === 0 ? undefined : amount / ms / 1e6
          rows.push([model, format.name, step, name, calls, ms, percent(ms / stepMs), rate(bytes), rate(ops)])
        }
        figures.push({ model, format: format.name, work, stepMs, stages })
      })
    }
  }
  const note = 'Milliseconds of one step, and what is read and computed meanwhile: weights as the engine keeps them, KV of 16 bits; operations of attention without the ' +
    'masked half. Operations below 0.5 % of a step are summed up; "between" is what the step does outside of all of them.'
  const head = ['model', 'format', 'step', 'operation', 'calls', 'ms', 'of step', 'GB/s', 'GFLOP/s']
  return { title: 'stages of a step', note, head, textColumns: 4, rows, figures }
}

function runOf (result: JobResult): StagesRun {
  if (result.kind !== 'stages') throw new Error(`a job of stages gave ${JSON.stringify(result)}`)
  return result.run
}

/** Medians of the runs, the longest first. */
export function stagesOf (model: string, work: StagedWork, runs: readonly StagesRun[]): Stage[] {
  const costs = costsOf(model)
  const names = productNames(model)
  const contextTokens = promptTokens + outputTokens / 2
  const attention = work.kind === 'decode'
    ? { bytes: decodeBytesPerStep(0, costs, work.batch, contextTokens), ops: work.batch * contextTokens * costs.attentionFlops }
    : { bytes: work.tokens * costs.kvValues * 2, ops: work.tokens * (prefillFlopsPerToken(costs, work.tokens) - 2 * costs.layerParams) }
  const perStep = (name: string, key: Exclude<keyof StageTime, 'name'>) =>
    median(runs.map(({ stages, steps }) => (stages.find(stage => stage.name === name)?.[key] ?? 0) / steps))
  const found = [...new Set(runs.flatMap(({ stages }) => stages.map(({ name }) => name)))]
  return found.map((name): Stage => ({
    name: names.get(name) ?? name,
    calls: Math.round(perStep(name, 'calls')),
    ms: perStep(name, 'ms'),
    bytes: name === 'attention' ? attention.bytes : perStep(name, 'weightBytes'),
    ops: name === 'attention' ? attention.ops : perStep(name, 'ops')
  })).sort((a, b) => b.ms - a.ms)
}

function summedUp (stages: readonly Stage[], stepMs: number): Stage[] {
  const isSmall = ({ ms }: Stage) => ms < smallShare * stepMs
  const sum = (key: 'calls' | 'ms', of: readonly Stage[]) => of.reduce((total, stage) => total + stage[key], 0)
  const small = stages.filter(isSmall)
  const none = { bytes: undefined, ops: undefined }
  return [
    ...stages.filter(stage => !isSmall(stage)),
    { name: small.map(({ name }) => name).join(', '), calls: sum('calls', small), ms: sum('ms', small), ...none },
    { name: 'between', calls: 1, ms: Math.max(0, stepMs - sum('ms', stages)), ...none }
  ].filter(({ calls }) => calls > 0)
}

function wholeStep (stages: readonly Stage[], stepMs: number): Stage {
  const sum = (key: 'bytes' | 'ops') => stages.reduce((total, stage) => total + (stage[key] ?? 0), 0)
  return { name: 'the step', calls: 1, ms: stepMs, bytes: sum('bytes'), ops: sum('ops') }
}
