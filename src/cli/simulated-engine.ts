import { checkPacing, engineOptions, parseOption, type OptionSchema, type ParsedEngineOptions } from '../engine/options.js'
import { maxResidentSeqsOf } from '../engine/resolved-options.js'
import { readingTokensPerSec as usualReading } from '../scheduler/pacing.js'
import { stepTimeBudget } from '../scheduler/token-budget.js'
import type { SimulationOptions } from '../simulator/simulation.js'
import type { Machine } from '../simulator/workloads/index.js'
import { numberFlag } from './option-flags.js'

type Flags = Readonly<Record<string, unknown>>
type Simulated = 'maxStepMs' | 'reserveRatio' | 'pacing' | 'maxResidentSeqs' | 'readingTokensPerSec'

const { maxStepMs, reserveRatio, pacing, maxResidentSeqs, readingTokensPerSec } = engineOptions

/** Options of the engine that mean the same in a simulation, by the same flags and with the same defaults. */
export const simulatedEngineOptions: Readonly<Record<Simulated, OptionSchema>> = { maxStepMs, reserveRatio, pacing, maxResidentSeqs, readingTokensPerSec }

/** Of the KV cache, as the engine sizes its host tier. */
const swapShare = 0.25

/**
 * What the engine's scheduler is set to, by its defaults and by flags.
 *
 * @throws InvalidOptionError
 */
export function engineSettings (flags: Flags, { maxNumSeqs, swap }: Machine): Pick<SimulationOptions, 'budget' | 'reserveRatio' | 'pacing' | 'swap'> {
  const parsed = { maxNumSeqs, ...parsedOptions(flags) }
  checkPacing(parsed)
  return {
    budget: stepTimeBudget(parsed.maxStepMs === undefined ? {} : { targetMs: parsed.maxStepMs }),
    reserveRatio: parsed.reserveRatio,
    swap: { ...swap, tokenMs: numberFlag('swapTokenMs', flags['swapTokenMs'], 0, 1e6) ?? swap.tokenMs },
    ...parsed.pacing === 'qoe' && {
      pacing: { maxResidentSeqs: maxResidentSeqsOf(parsed), readingTokensPerSec: parsed.readingTokensPerSec ?? usualReading }
    }
  }
}

/** @throws InvalidOptionError */
export function hostTokens (flags: Flags, { kvTokens }: Machine): number {
  return Math.floor(numberFlag('kvSwapTokens', flags['kvSwapTokens'], 0, 1e9) ?? kvTokens * swapShare)
}

function parsedOptions (flags: Flags): Pick<ParsedEngineOptions, Simulated> {
  return Object.fromEntries(Object.entries(simulatedEngineOptions).map(([name, schema]) =>
    [name, flags[name] === undefined ? schema.default : parseOption(name, schema, flags[name])])) as Pick<ParsedEngineOptions, Simulated>
}
