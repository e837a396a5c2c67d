import type { Histogram } from '../../core/histogram.js'
import type { EngineMetrics } from '../../engine/engine-info.js'

/** A value of one label beside those that name the engine; several labels of a metric are joined in one record. */
export type Labels = Readonly<Record<string, string>>
export type Labelled<Value> = readonly [labels: Labels, value: Value]

interface Description {
  readonly name: string
  /** Beside `model_name` and `engine`. */
  readonly labels?: readonly string[]
  readonly help: string
}

/** A number that is read off the engine at each scrape; nothing is kept in between. Undefined = there is none yet. */
export interface SampledNumber extends Description {
  readonly type: 'gauge' | 'counter'
  readonly sample: (engine: EngineMetrics) => number | undefined | ReadonlyArray<Labelled<number | undefined>>
}

/** A histogram that the engine keeps. */
export interface SampledHistogram extends Description {
  readonly type: 'histogram'
  readonly sample: (engine: EngineMetrics) => Histogram | ReadonlyArray<Labelled<Histogram>>
}

export type SampledMetric = SampledNumber | SampledHistogram

type NumberSample = SampledNumber['sample']

export function gauge (name: string, help: string, sample: NumberSample, labels: readonly string[] = []): SampledNumber {
  return { name, type: 'gauge', labels, help, sample }
}

/** Of `counter_total` as scraped: the name is given with its `_total`. */
export function counter (name: string, help: string, sample: NumberSample, labels: readonly string[] = []): SampledNumber {
  return { name, type: 'counter', labels, help, sample }
}

export function histogram (name: string, help: string, sample: SampledHistogram['sample'], labels: readonly string[] = []): SampledHistogram {
  return { name, type: 'histogram', labels, help, sample }
}

/** One sample for each entry of a record, by a label. */
export function byLabel (label: string, values: Readonly<Record<string, number | undefined>>): Array<Labelled<number | undefined>> {
  return Object.entries(values).map(([name, value]) => [{ [label]: name }, value])
}
