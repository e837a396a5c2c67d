import { isSloMet, type RequestResult } from '../request-result.js'
import { ascending } from '../summary.js'
import { escapeXml, lineChart, type Line } from './line-chart.js'

export interface NamedRun {
  readonly name: string
  readonly requests: readonly RequestResult[]
}

/** Points of a distribution's line, and windows of the attainment over time. */
const cdfPoints = 200
const windows = 40

/** A page of HTML with the run's table and charts; nothing is loaded from elsewhere. @param table text of fixed width */
export function chartPage (title: string, table: string, runs: readonly NamedRun[]): string {
  const charts = [ttftChart(runs), ...hasSlo(runs) ? [attainmentChart(runs)] : []]
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${escapeXml(title)}</title>
<style>body { font-family: system-ui, sans-serif; margin: 2em } pre { overflow-x: auto }</style>
<h1>${escapeXml(title)}</h1>
<pre>${escapeXml(table)}</pre>
${charts.join('\n')}
</html>
`
}

/** How many of all requests had their first token within a time; those that never had one never reach it. */
export function ttftChart (runs: readonly NamedRun[]): string {
  const all = runs.map(({ name, requests }) => ({ name, count: requests.length, ttfts: ascending(requests.map(({ ttftMs }) => ttftMs)) }))
  const low = Math.max(1, Math.min(...all.map(({ ttfts }) => ttfts[0] ?? Infinity).filter(Number.isFinite), 1000))
  const high = Math.max(low * 10, ...all.map(({ ttfts }) => ttfts.at(-1) ?? 0))
  return lineChart({
    title: 'Time to the first token',
    x: { label: 'TTFT', low, high, isLog: true, format: formatMs },
    y: { label: 'requests', low: 0, high: 1, format: formatShare },
    lines: all.map(({ name, count, ttfts }): Line => ({ name, points: sampled(ttfts).map(i => [ttfts[i]!, (i + 1) / count]) }))
  })
}

/** Share of requests that met their SLO, by the time of their arrival. */
export function attainmentChart (runs: readonly NamedRun[]): string {
  const endMs = Math.max(1, ...runs.flatMap(({ requests }) => requests.at(-1)?.arrivalMs ?? 0))
  return lineChart({
    title: 'Requests that met their SLO',
    x: { label: 'arrival', low: 0, high: endMs, format: formatMs },
    y: { label: 'SLO met', low: 0, high: 1, format: formatShare },
    lines: runs.map(({ name, requests }): Line => ({ name, points: attainment(requests, endMs) }))
  })
}

function hasSlo (runs: readonly NamedRun[]): boolean {
  return runs.some(({ requests }) => requests.some(request => isSloMet(request) !== undefined))
}

function attainment (requests: readonly RequestResult[], endMs: number): Array<readonly [number, number]> {
  const met = new Float64Array(windows)
  const all = new Float64Array(windows)
  for (const request of requests) {
    const verdict = isSloMet(request)
    if (verdict === undefined) continue
    const window = Math.min(windows - 1, Math.floor(request.arrivalMs / endMs * windows))
    all[window]!++
    if (verdict) met[window]!++
  }
  return [...all.keys()].filter(i => all[i]! > 0).map(i => [(i + 0.5) / windows * endMs, met[i]! / all[i]!])
}

/** Indices at even distances, first and last among them. */
function sampled (values: readonly number[]): number[] {
  const count = Math.min(cdfPoints, values.length)
  return Array.from({ length: count }, (_, i) => count === 1 ? 0 : Math.round(i / (count - 1) * (values.length - 1)))
}

function formatShare (share: number): string {
  return `${Math.round(share * 100)} %`
}

export function formatMs (ms: number): string {
  if (ms >= 120_000) return `${shortNumber(ms / 60_000)} min`
  return ms >= 1000 ? `${shortNumber(ms / 1000)} s` : `${shortNumber(ms)} ms`
}

function shortNumber (value: number): string {
  return String(Number(value.toPrecision(3)))
}
