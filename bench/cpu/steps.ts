// What lies between two steps: how long the device waits, and what JavaScript does.
import { medians } from '../lib/statistics.js'
import type { Cell } from '../lib/table.js'
import { announce, failure, kvFor, maxBatchTokens, millraceJobs, outputTokens, promptTokens, type Context, type Section } from './context.js'
import type { JobResult } from './engine-jobs.js'
import type { StepRun } from './step-run.js'

export async function measureBetweenSteps (context: Context): Promise<Section> {
  const rows: Cell[][] = []
  const figures: object[] = []
  const { batches } = context
  const most = Math.max(...batches)
  for (const model of context.models) {
    for (const format of context.formats) {
      const runs = batches.map((): StepRun[] => [])
      let failed: string | undefined
      for (let round = 0; round < context.repeat && failed === undefined; round++) {
        await announce(`between steps ${model} ${format.name}, round ${round + 1} of ${context.repeat}`)
        const jobs = batches.map(batch => ({ kind: 'step', batch, promptTokens, outputTokens } as const))
        const options = { maxBatchTokens, maxNumSeqs: most, maxModelLen: 512, ...kvFor(model, most * 256) }
        const report = await millraceJobs(context, model, format, jobs, options)
        if (!report.ok) failed = failure(report)
        else report.results.forEach((result, i) => { runs[i]!.push(runOf(result)) })
      }
      batches.forEach((batch, i) => {
        const run = runs[i]!.length > 0 ? medians(runs[i]!) : undefined
        rows.push([
          model, format.name, batch, failed ?? run?.stepMs, run?.idleP50Us, run?.idleP95Us, run?.handOutP50Us, run?.handOutP95Us, run?.engineP50Us, run?.engineP95Us, run?.jsP50Us, run?.jsCpuUs
        ])
        figures.push({ model, format: format.name, batch, ...run, runs: runs[i], failed })
      })
    }
  }
  const note = 'Decoding, two steps queued at any time. "idle": the device between the end of a step and the start of the next. "hand out": at the ' +
    'start of a step, its thread wakes JavaScript with the results of the one before. "engine": from a step\'s ' +
    'result until it is taken in and the next step queued; "JS": until consumers have their tokens, too. Its CPU time counts everything on that thread (mean); what lies above it is waiting for a processor.'
  const head = ['model', 'format', 'batch', 'step ms', 'idle p50 us', 'p95', 'hand out p50 us', 'p95', 'engine p50 us', 'p95', 'JS p50 us', 'JS CPU us']
  return { title: 'between two steps', note, head, textColumns: 2, rows, figures }
}

function runOf (result: JobResult): StepRun {
  if (result.kind !== 'step') throw new Error(`a job of steps gave ${JSON.stringify(result)}`)
  return result.run
}
