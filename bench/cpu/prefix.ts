// A prompt whose beginning is in the prefix cache.
import type { PrefixRun } from '../lib/engine-runs.js'
import { medians } from '../lib/statistics.js'
import type { Cell } from '../lib/table.js'
import { announce, failure, kvFor, millraceJobs, type Context, type Section } from './context.js'

const prefixTokens = 2048

export async function measurePrefixes (context: Context): Promise<Section> {
  const rows: Cell[][] = []
  const figures: object[] = []
  for (const model of context.models) {
    for (const format of context.formats) {
      const runs: PrefixRun[] = []
      let failed: string | undefined
      for (let round = 0; round < context.repeat && failed === undefined; round++) {
        await announce(`prefix cache ${model} ${format.name}, round ${round + 1} of ${context.repeat}`)
        const options = { maxNumSeqs: 4, maxModelLen: prefixTokens + 256, ...kvFor(model, 2 * prefixTokens) }
        const report = await millraceJobs(context, model, format, [{ kind: 'prefix', tokens: prefixTokens }], options)
        if (!report.ok) failed = failure(report)
        else for (const result of report.results) if (result.kind === 'prefix') runs.push(result.run)
      }
      const run = runs.length > 0 ? medians(runs) : undefined
      const beyondStepMs = run === undefined ? NaN : run.warmTtftMs - run.stepMs
      rows.push([model, format.name, failed ?? run?.coldTtftMs, run?.warmTtftMs, run?.stepMs, beyondStepMs, run?.cachedTokens])
      figures.push({ model, format: format.name, ...run, beyondStepMs, failed })
    }
  }
  const note = `A prompt of ${prefixTokens + 1} tokens, and again with another last token: time to the first token, and what of it is more than a decode step.`
  const head = ['model', 'format', 'TTFT cold ms', 'TTFT cached ms', 'decode step ms', 'beyond a step ms', 'cached tokens']
  return { title: 'prefix cache', note, head, textColumns: 2, rows, figures }
}
