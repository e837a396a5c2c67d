import { formatMs } from '../simulator/chart/report.js'
import type { RequestResult } from '../simulator/request-result.js'
import type { Summary } from '../simulator/summary.js'
import { table } from './table.js'

export interface NamedRun {
  readonly name: string
  readonly requests: readonly RequestResult[]
  readonly summary: Summary
}

/** A line for each run. */
export function runTable (runs: readonly NamedRun[]): string {
  const ms = (value: number): string => Number.isNaN(value) ? '-' : formatMs(value)
  const share = (value: number): string => Number.isNaN(value) ? '-' : `${(value * 100).toFixed(1)} %`
  const rate = (value: number): string => Number.isFinite(value) ? String(Number(value.toPrecision(3))) : '-'
  return table(
    ['run', 'SLO met', 'good/s', 'TTFT mean', 'p50', 'p99', 'TPOT mean', 'p99', 'e2e mean', 'p50', 'p99', 'queue', 'QoE', 'tokens/s', 'cached', 'preempted', 'failed'],
    runs.map(({ name, summary }) => [
      name, share(summary.sloMetRatio), rate(summary.goodPerSec), ms(summary.ttftMeanMs), ms(summary.ttftP50Ms), ms(summary.ttftP99Ms),
      ms(summary.tpotMeanMs), ms(summary.tpotP99Ms), ms(summary.e2eMeanMs), ms(summary.e2eP50Ms), ms(summary.e2eP99Ms),
      ms(summary.queueMeanMs), rate(summary.qoeMean), rate(summary.outputTokensPerSec), share(summary.cachedRatio), summary.preemptions, summary.failed
    ]))
}
