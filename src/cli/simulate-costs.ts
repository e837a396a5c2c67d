import { InvalidOptionError } from '../core/errors.js'
import { didYouMean } from '../core/suggest.js'
import { StepCostModel } from '../profiler/step-cost-model.js'
import type { StepCosts } from '../profiler/step-costs.js'
import { linearTimes, rooflineTimes, type StepTimes } from '../simulator/step-times.js'
import { optionalNumber, requiredNumber, tokenCount } from '../simulator/traces/fields.js'
import { readRecords } from '../simulator/traces/records.js'
import { TraceError } from '../simulator/traces/trace-error.js'

const linearNames = ['fixedMs', 'prefillTokenMs', 'decodeMs', 'contextTokenMs', 'prefillContextTokenMs'] as const
const rooflineNames = ['fixedMs', 'weightsMs', 'tokenMs', 'contextTokenMs'] as const

/**
 * Costs of steps from a file: JSON with the numbers of a straight line, or those of a roofline; or a
 * CSV table of steps that were measured.
 *
 * @throws InvalidOptionError that names the file and the field
 */
export function parseStepTimes (text: string, path: string): StepTimes {
  if (/^\ufeff?\s*prefillTokens\b/.test(text)) return linearTimes(fittedCosts(text, path))
  const fail = (problem: string): never => { throw new InvalidOptionError('costs', `${path}: ${problem}`) }
  let fields: Readonly<Record<string, unknown>>
  try {
    fields = JSON.parse(text) as typeof fields
  } catch (error) {
    return fail(`this is not JSON (${(error as Error).message}).`)
  }
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) return fail('costs are an object with numbers.')
  const isRoofline = 'weightsMs' in fields || 'tokenMs' in fields
  const names: readonly string[] = isRoofline ? rooflineNames : linearNames
  for (const name of Object.keys(fields)) {
    if (!names.includes(name)) fail(`${name} is not among ${names.join(', ')}.${didYouMean(name, names)}`)
  }
  const number = (name: string): number => {
    const value = fields[name]
    return typeof value === 'number' && value >= 0 && value <= 1e9
      ? value
      : fail(`${name} is ${JSON.stringify(value) ?? 'missing'}; it must be a number of ms from 0 to 1e9.`)
  }
  const [fixedMs, contextTokenMs] = [number('fixedMs'), number('contextTokenMs')]
  return isRoofline
    ? rooflineTimes({ fixedMs, contextTokenMs, weightsMs: number('weightsMs'), tokenMs: number('tokenMs') })
    : linearTimes({
        fixedMs,
        contextTokenMs,
        prefillTokenMs: number('prefillTokenMs'),
        decodeMs: number('decodeMs'),
        prefillContextTokenMs: 'prefillContextTokenMs' in fields ? number('prefillContextTokenMs') : 0
      })
}

/** As an engine fits its own steps. */
function fittedCosts (text: string, path: string): StepCosts {
  const model = new StepCostModel()
  let hasContexts = false
  try {
    for (const record of readRecords(text)) {
      const count = (name: string): number => requiredNumber(record, name, tokenCount)
      const work = {
        prefillTokens: count('prefillTokens'),
        decodes: count('decodes'),
        contextTokens: count('contextTokens'),
        prefillContextTokens: optionalNumber(record, 'prefillContextTokens', { minimum: 0, maximum: 1e15, isWhole: true }) ?? 0
      }
      hasContexts ||= work.prefillContextTokens > 0
      model.observe(work, requiredNumber(record, 'ms', { minimum: 0, maximum: 1e9 }))
    }
  } catch (error) {
    if (error instanceof TraceError) throw new InvalidOptionError('costs', `${path}, line ${error.line}: ${error.problem}`)
    throw error
  }
  // Not measured: the cost of the prompt tokens has it in.
  return hasContexts ? { ...model.costs } : { ...model.costs, prefillContextTokenMs: 0 }
}
