import { Counter, Gauge, type Histogram as PromHistogram, type Registry } from 'prom-client'
import { Histogram } from '../../core/histogram.js'
import type { EngineMetrics } from '../../engine/engine-info.js'
import type { Labels, SampledHistogram, SampledMetric, SampledNumber } from './sampled-metric.js'

/** An engine as its metrics name it. */
export interface ScrapedEngine {
  readonly modelName: string
  readonly metrics: EngineMetrics
}

/** Engines at the moment of a scrape. */
export type EngineSource = () => readonly ScrapedEngine[]

export const engineLabels = ['model_name', 'engine']

/** Enters a metric that is read off the engines at each scrape: scrapers do not see each other. */
export function collect (registry: Registry, metric: SampledMetric, engines: EngineSource): void {
  if (metric.type === 'histogram') collectHistogram(registry, metric, engines)
  else collectNumber(registry, metric, engines)
}

function collectNumber (registry: Registry, metric: SampledNumber, engines: EngineSource): void {
  const { name, help, labels = [] } = metric
  const description = { name, help, labelNames: [...engineLabels, ...labels], registers: [registry] }
  const samples = function* (): Generator<[Labels, number]> {
    for (const engine of engines()) {
      const sampled = metric.sample(engine.metrics)
      for (const [extra, value] of typeof sampled === 'object' ? sampled : [[{}, sampled] as const]) {
        if (value !== undefined) yield [labelsOf(engine, extra), value]
      }
    }
  }
  if (metric.type === 'gauge') {
    const made: Gauge = new Gauge({
      ...description,
      collect: () => {
        made.reset()
        for (const [labels, value] of samples()) made.set(labels, value)
      }
    })
  } else {
    const made: Counter = new Counter({
      ...description,
      collect: () => {
        made.reset()
        for (const [labels, value] of samples()) made.inc(labels, value)
      }
    })
  }
}

/**
 * Shows counts that the engine keeps: the package's own histogram would look them up by their labels at each
 * token. The registry asks no more of a metric than this.
 */
function collectHistogram (registry: Registry, { name, help, sample }: SampledHistogram, engines: EngineSource): void {
  const values = (): Line[] => engines().flatMap(engine => {
    const sampled = sample(engine.metrics)
    return sampled instanceof Histogram
      ? linesOf(name, labelsOf(engine, {}), sampled)
      : sampled.flatMap(([extra, counted]) => linesOf(name, labelsOf(engine, extra), counted))
  })
  const metric = { name, help, type: 'histogram', aggregator: 'sum', get: async () => ({ name, help, type: 'histogram', aggregator: 'sum', values: values() }), reset: () => {} }
  registry.registerMetric(metric as unknown as PromHistogram)
}

interface Line {
  readonly metricName: string
  readonly labels: Labels
  readonly value: number
}

function linesOf (name: string, labels: Labels, { bounds, counts, sum }: Histogram): Line[] {
  const lines: Line[] = []
  let total = 0
  for (let i = 0; i < counts.length; i++) {
    total += counts[i]!
    lines.push({ metricName: `${name}_bucket`, labels: { ...labels, le: i < bounds.length ? boundText(bounds[i]!) : '+Inf' }, value: total })
  }
  lines.push({ metricName: `${name}_sum`, labels, value: sum }, { metricName: `${name}_count`, labels, value: total })
  return lines
}

/** As other servers spell it: 1.0, 0.25, 1e+06. Labels are compared as texts. */
export function boundText (bound: number): string {
  if (bound >= 1e6) return bound.toExponential().replace(/e\+(\d)$/, 'e+0$1')
  return Number.isInteger(bound) ? `${bound}.0` : String(bound)
}

function labelsOf ({ modelName }: ScrapedEngine, extra: Labels): Labels {
  return { model_name: modelName, engine: '0', ...extra }
}
