import { InvalidOptionError } from '../../core/errors.js'
import { didYouMean } from '../../core/suggest.js'
import type { Policy } from '../policy.js'
import { adaptive } from './adaptive.js'
import { augserve } from './augserve.js'
import { fcfs } from './fcfs.js'
import { network } from './network.js'
import { policyOptionRanges, type PolicyOptions } from './options.js'
import { priority } from './priority.js'
import { sjf } from './sjf.js'
import { sloOdbs } from './slo-odbs.js'

export { checkPolicy } from './check-policy.js'
export { policyOptionRanges, type PolicyOptions } from './options.js'

interface Entry {
  /** Names of the options that it looks at. */
  readonly options: ReadonlyArray<keyof PolicyOptions>
  make (options: PolicyOptions): Policy
}

const policies = {
  fcfs: { options: [], make: () => fcfs },
  sjf: { options: [], make: () => sjf },
  priority: { options: [], make: () => priority },
  network: { options: ['agingMs'], make: network },
  'slo-odbs': { options: ['urgentMs', 'maxSloMs'], make: sloOdbs },
  augserve: { options: ['kMem', 'kAge', 'kUrg', 'kRes', 'kLate', 'sloMs', 'otherTokens', 'swapTokenMs'], make: augserve },
  adaptive: { options: ['sizePrice', 'slackMs', 'patienceMs', 'lateMs', 'lateShare', 'resumedMs', 'healthMs', 'priorityMs'], make: adaptive }
} satisfies Record<string, Entry>

export type PolicyName = keyof typeof policies

export const policyNames = Object.keys(policies) as PolicyName[]

/**
 * A policy by its name.
 *
 * @throws InvalidOptionError for a name that there is not, an option that this policy has not, or a value out of range
 */
export function createPolicy (name: string, options: Partial<PolicyOptions> = {}): Policy {
  if (!Object.hasOwn(policies, name)) {
    throw new InvalidOptionError('policy',
      `There is no policy ${JSON.stringify(name)}; there are ${policyNames.join(', ')}.${didYouMean(name, policyNames)}`)
  }
  const entry: Entry = policies[name as PolicyName]
  for (const [option, value] of Object.entries(options)) checkOption(name, entry.options, option, value)
  const defaults = Object.fromEntries(Object.entries(policyOptionRanges).map(([option, range]) => [option, range.default]))
  return entry.make({ ...defaults, ...options } as PolicyOptions)
}

function checkOption (policy: string, known: readonly string[], option: string, value: unknown): void {
  if (!known.includes(option)) {
    const its = known.length === 0 ? 'It has none.' : `Its options are ${known.join(', ')}.${didYouMean(option, known)}`
    throw new InvalidOptionError(option, `The policy ${policy} has no option ${option}. ${its}`)
  }
  const { minimum, maximum, unit } = policyOptionRanges[option as keyof PolicyOptions]
  if (typeof value === 'number' && value >= minimum && value <= maximum) return
  throw new InvalidOptionError(option, `${option} of the policy ${policy} must be a number from ${minimum} to ${maximum}` +
    `${unit === '' ? '' : ` ${unit}`}, not ${typeof value === 'number' ? value : JSON.stringify(value) ?? String(value)}.`)
}
