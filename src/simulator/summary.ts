import { isSloMet, tpotMs, type RequestResult } from './request-result.js'

/** A run in numbers; NaN where there is nothing to count. Times in ms. */
export interface Summary {
  readonly requests: number
  readonly failed: number
  /** Of the requests that have an SLO, the share that met it. */
  readonly sloMetRatio: number
  /** Requests that met their SLO, or had none, for each second. */
  readonly goodPerSec: number
  readonly requestsPerSec: number
  readonly outputTokensPerSec: number
  readonly ttftMeanMs: number
  readonly ttftP50Ms: number
  readonly ttftP99Ms: number
  readonly tpotMeanMs: number
  readonly tpotP99Ms: number
  readonly e2eMeanMs: number
  readonly e2eP50Ms: number
  readonly e2eP99Ms: number
  readonly queueMeanMs: number
  readonly preemptions: number
  /** Of the requests that were read, 0 to 1. */
  readonly qoeMean: number
  /** Share of prompt tokens that came from the prefix cache. */
  readonly cachedRatio: number
  readonly durationMs: number
}

/** @param durationMs from the trace's beginning to the last token */
export function summarize (results: readonly RequestResult[], durationMs: number): Summary {
  const done = results.filter(({ failure }) => failure === undefined)
  const verdicts = results.map(isSloMet)
  const wishes = verdicts.filter(verdict => verdict !== undefined).length
  const met = verdicts.filter(verdict => verdict === true).length
  const good = results.filter((result, i) => verdicts[i] ?? result.failure === undefined).length
  const ttfts = ascending(done.map(result => result.ttftMs))
  const tpots = ascending(done.map(tpotMs))
  const e2es = ascending(done.map(result => result.e2eMs))
  const qoes = results.map(({ qoe }) => qoe).filter(qoe => qoe !== undefined)
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)
  const perSec = (count: number): number => count / (durationMs / 1000)
  return {
    requests: results.length,
    failed: results.length - done.length,
    sloMetRatio: met / wishes,
    goodPerSec: perSec(good),
    requestsPerSec: perSec(done.length),
    outputTokensPerSec: perSec(sum(done.map(({ outputTokens }) => outputTokens))),
    ttftMeanMs: sum(ttfts) / ttfts.length,
    ttftP50Ms: quantile(ttfts, 0.5),
    ttftP99Ms: quantile(ttfts, 0.99),
    tpotMeanMs: sum(tpots) / tpots.length,
    tpotP99Ms: quantile(tpots, 0.99),
    e2eMeanMs: sum(e2es) / e2es.length,
    e2eP50Ms: quantile(e2es, 0.5),
    e2eP99Ms: quantile(e2es, 0.99),
    queueMeanMs: sum(done.map(({ queueMs }) => queueMs)) / done.length,
    qoeMean: sum(qoes) / qoes.length,
    preemptions: sum(results.map(({ preemptions }) => preemptions)),
    cachedRatio: sum(done.map(({ cachedTokens }) => cachedTokens)) / sum(done.map(({ promptTokens }) => promptTokens)),
    durationMs
  }
}

/** Without what is no number. */
export function ascending (values: readonly number[]): number[] {
  return values.filter(value => !Number.isNaN(value)).sort((a, b) => a - b)
}

/** The smallest of `sorted` that a share `q` of them does not exceed; NaN of none. */
export function quantile (sorted: readonly number[], q: number): number {
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? NaN
}
