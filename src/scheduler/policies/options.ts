import type { AdaptiveOptions } from './adaptive.js'
import type { AugserveOptions } from './augserve.js'
import type { NetworkOptions } from './network.js'
import type { SloOdbsOptions } from './slo-odbs.js'

/** All options of all policies; each looks at its own. */
export type PolicyOptions = NetworkOptions & SloOdbsOptions & AugserveOptions & AdaptiveOptions

export interface OptionRange {
  readonly default: number
  readonly minimum: number
  readonly maximum: number
  readonly unit: string
}

const dayMs = 86_400_000

const points = (value: number): OptionRange => ({ default: value, minimum: 0, maximum: 1000, unit: '' })
const durationMs = (value: number, minimum = 0): OptionRange => ({ default: value, minimum, maximum: dayMs, unit: 'ms' })

/** What the options may be, and are when nobody says. */
export const policyOptionRanges: Readonly<Record<keyof PolicyOptions, OptionRange>> = {
  agingMs: durationMs(20_000),
  urgentMs: durationMs(10_000),
  maxSloMs: durationMs(350_000, 1),
  kMem: points(1),
  kAge: points(0.5),
  kUrg: points(3),
  kRes: points(6),
  kLate: points(20),
  sloMs: durationMs(3000, 1),
  otherTokens: { default: 15_000, minimum: 0, maximum: 1e9, unit: 'tokens' },
  sizePrice: { default: 50, minimum: 0, maximum: 1e6, unit: '' },
  slackMs: durationMs(20_000),
  patienceMs: durationMs(120_000),
  lateMs: durationMs(600_000),
  lateShare: { default: 0.1, minimum: 0.001, maximum: 1, unit: '' },
  resumedMs: durationMs(100_000),
  healthMs: durationMs(2000),
  priorityMs: durationMs(10_000),
  swapTokenMs: { default: Infinity, minimum: 0, maximum: Infinity, unit: 'ms' }
}
