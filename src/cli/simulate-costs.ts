import { InvalidOptionError } from '../core/errors.js'
import { didYouMean } from '../core/suggest.js'
import { linearTimes, rooflineTimes, type StepTimes } from '../simulator/step-times.js'

const linearNames = ['fixedMs', 'prefillTokenMs', 'decodeMs', 'contextTokenMs'] as const
const rooflineNames = ['fixedMs', 'weightsMs', 'tokenMs', 'contextTokenMs'] as const

/**
 * Costs of steps from a file: JSON with the four numbers of a straight line, or those of a roofline.
 *
 * @throws InvalidOptionError that names the file and the field
 */
export function parseStepTimes (text: string, path: string): StepTimes {
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
    : linearTimes({ fixedMs, contextTokenMs, prefillTokenMs: number('prefillTokenMs'), decodeMs: number('decodeMs') })
}
