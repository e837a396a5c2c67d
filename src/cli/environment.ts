import { InvalidOptionError } from '../core/errors.js'
import { didYouMean } from '../core/suggest.js'
import type { Io } from './io.js'

const prefix = 'MILLRACE_'

/** Read by others than `serve`: the loader of the native part, the build, tests. */
export const otherVariables: readonly string[] = [
  'MILLRACE_CONFIG', 'MILLRACE_ADDON', 'MILLRACE_CUDA_PLUGIN', 'MILLRACE_CUDA_EARLY_LAUNCH', 'MILLRACE_EMULATED_CARDS', 'MILLRACE_EMULATED_FAILURE',
  'MILLRACE_SKIP_NATIVE', 'MILLRACE_TEST_SEED', 'MILLRACE_FUZZ_MINUTES', 'MILLRACE_FUZZ_MODEL', 'MILLRACE_SANITIZED', 'MILLRACE_COMMIT'
]

/** Orchestrators describe a service of the name millrace so, to everything that runs beside it. */
const serviceVariable = /^MILLRACE_(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?|NAME|ENV_\w+)$/
const serviceAddress = /^(tcp|udp):\/\//

/** 'maxModelLen' is MILLRACE_MAX_MODEL_LEN. */
export function variableOf (option: string): string {
  return prefix + option.replace(/[A-Z]/g, '_$&').toUpperCase()
}

/**
 * Variables that set options, by the options' names; empty ones count as not given.
 *
 * @throws InvalidOptionError for a MILLRACE_ variable that nobody reads
 */
export function readEnvironment ({ env }: Io, options: readonly string[]): Map<string, { variable: string, value: string }> {
  const optionOf = new Map(options.map(name => [variableOf(name), name]))
  const found = new Map<string, { variable: string, value: string }>()
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith(prefix) || value === undefined || value === '') continue
    const option = optionOf.get(variable)
    if (option !== undefined && !(option === 'port' && serviceAddress.test(value))) found.set(option, { variable, value })
    else if (option === undefined && !otherVariables.includes(variable) && !serviceVariable.test(variable)) {
      throw new InvalidOptionError(variable, `There is no option for the variable ${variable}.${didYouMean(variable, [...optionOf.keys(), 'MILLRACE_CONFIG'])} Unset it, or correct its name.`)
    }
  }
  // Hosting platforms set these.
  for (const [option, variable] of [['host', 'HOST'], ['port', 'PORT']] as const) {
    const value = env[variable]
    if (!found.has(option) && value !== undefined && value !== '') found.set(option, { variable, value })
  }
  return found
}
