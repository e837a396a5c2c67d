import { InvalidParameterError } from './errors.js'
import type { SamplingParams } from './sampling-params.js'

/** Sampling parameters as callers give them; what is missing or undefined takes its default. */
export type SamplingInput = {
  readonly [Name in keyof Omit<SamplingParams, 'seed' | 'stop'>]?: SamplingParams[Name] | undefined
} & {
  readonly seed?: bigint | number | undefined
  readonly stop?: string | readonly string[] | undefined
}

export interface SamplingLimits {
  readonly vocabSize: number
  /** Most `topLogprobs` that the engine was loaded for. */
  readonly maxLogprobs: number
}

type NumericParam = 'temperature' | 'topK' | 'topP' | 'minP' | 'repetitionPenalty' | 'frequencyPenalty' |
  'presencePenalty' | 'minTokens' | 'n' | 'topLogprobs'

interface NumberRule {
  readonly fallback: number
  readonly minimum: number
  readonly maximum: number
  readonly integer?: true
}

const numbers: Readonly<Record<NumericParam, NumberRule>> = {
  temperature: { fallback: 1, minimum: 0, maximum: 2 },
  topK: { fallback: 0, minimum: 0, maximum: 2 ** 30, integer: true },
  topP: { fallback: 1, minimum: 0, maximum: 1 },
  minP: { fallback: 0, minimum: 0, maximum: 1 },
  repetitionPenalty: { fallback: 1, minimum: 0.01, maximum: 100 },
  frequencyPenalty: { fallback: 0, minimum: -2, maximum: 2 },
  presencePenalty: { fallback: 0, minimum: -2, maximum: 2 },
  minTokens: { fallback: 0, minimum: 0, maximum: Number.MAX_SAFE_INTEGER, integer: true },
  n: { fallback: 1, minimum: 1, maximum: 128, integer: true },
  topLogprobs: { fallback: 0, minimum: 0, maximum: 20, integer: true }
}

const numericParams = Object.keys(numbers) as NumericParam[]
const maxStopStrings = 16
const maxStopTokenIds = 1024
const maxBiases = 4096

/** Names of all sampling parameters. */
export const samplingParamNames: ReadonlyArray<keyof SamplingParams> = [...numericParams, 'seed', 'maxTokens', 'stop',
  'stopTokenIds', 'ignoreEos', 'logprobs', 'promptLogprobs', 'logitBias']

/**
 * Fills in defaults (the model's own before ours) and checks every value.
 *
 * @throws InvalidParameterError that names the parameter, the value and what it may be
 */
export function resolveSamplingParams (
  input: SamplingInput, limits: SamplingLimits, modelDefaults: SamplingInput = {}
): SamplingParams {
  const numeric = Object.fromEntries(numericParams.map(name => [name, numberOf(name, input, modelDefaults)]))
  const params: SamplingParams = {
    ...numeric as Record<NumericParam, number>,
    seed: seedOf(input.seed),
    maxTokens: input.maxTokens === undefined ? undefined : integerOf('maxTokens', input.maxTokens, 0, Number.MAX_SAFE_INTEGER),
    stop: stopOf(input.stop),
    stopTokenIds: tokenIdsOf(input.stopTokenIds ?? [], limits.vocabSize),
    ignoreEos: flagOf('ignoreEos', input.ignoreEos),
    logprobs: flagOf('logprobs', input.logprobs),
    promptLogprobs: flagOf('promptLogprobs', input.promptLogprobs),
    logitBias: biasOf(input.logitBias ?? {}, limits.vocabSize)
  }
  if (params.maxTokens !== undefined && params.minTokens > params.maxTokens) {
    throw new InvalidParameterError('minTokens', `minTokens is ${params.minTokens}, but maxTokens is ${params.maxTokens}.`)
  }
  if (params.topLogprobs > limits.maxLogprobs) {
    throw new InvalidParameterError('topLogprobs',
      `topLogprobs is ${params.topLogprobs}; this engine gives at most ${limits.maxLogprobs}. Raise --max-logprobs.`)
  }
  if (params.topLogprobs > 0 && !params.logprobs && !params.promptLogprobs) {
    throw new InvalidParameterError('topLogprobs', 'topLogprobs needs logprobs to be true.')
  }
  return params
}

function numberOf (name: NumericParam, input: SamplingInput, modelDefaults: SamplingInput): number {
  const rule = numbers[name]
  const value: unknown = input[name] ?? modelDefaults[name] ?? rule.fallback
  if (rule.integer === true) return integerOf(name, value, rule.minimum, rule.maximum)
  if (typeof value === 'number' && value >= rule.minimum && value <= rule.maximum) return value
  throw new InvalidParameterError(name, `${name} is ${show(value)}; it must be a number from ${rule.minimum} to ${rule.maximum}.`)
}

function integerOf (name: string, value: unknown, minimum: number, maximum: number): number {
  if (Number.isSafeInteger(value) && value as number >= minimum && value as number <= maximum) return value as number
  const range = maximum === Number.MAX_SAFE_INTEGER ? `of at least ${minimum}` : `from ${minimum} to ${maximum}`
  throw new InvalidParameterError(name, `${name} is ${show(value)}; it must be a whole number ${range}.`)
}

function flagOf (name: string, value: unknown): boolean {
  if (value === undefined) return false
  if (typeof value === 'boolean') return value
  throw new InvalidParameterError(name, `${name} is ${show(value)}; it must be true or false.`)
}

function seedOf (value: unknown): bigint | undefined {
  if (value === undefined) return undefined
  const isWhole = typeof value === 'bigint' || Number.isSafeInteger(value)
  if (isWhole) {
    const seed = BigInt(value as bigint | number)
    if (seed >= -(1n << 63n) && seed < 1n << 64n) return BigInt.asUintN(64, seed)
  }
  throw new InvalidParameterError('seed', `seed is ${show(value)}; it must be a whole number of at most 64 bits.`)
}

function stopOf (value: unknown): readonly string[] {
  if (value === undefined) return []
  const stops: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (stops.length > maxStopStrings) {
    throw new InvalidParameterError('stop', `stop has ${stops.length} texts; at most ${maxStopStrings} are taken.`)
  }
  for (const stop of stops) {
    if (typeof stop !== 'string' || stop === '') {
      throw new InvalidParameterError('stop', `stop is ${show(value)}; it must be a text that is not empty, or a list of such.`)
    }
  }
  return stops as string[]
}

function tokenIdsOf (value: unknown, vocabSize: number): readonly number[] {
  if (!Array.isArray(value) || value.length > maxStopTokenIds) {
    throw new InvalidParameterError('stopTokenIds', `stopTokenIds must be a list of at most ${maxStopTokenIds} token ids.`)
  }
  for (const [i, id] of (value as unknown[]).entries()) checkTokenId(`stopTokenIds[${i}]`, id, vocabSize)
  return value as number[]
}

function biasOf (value: unknown, vocabSize: number): Readonly<Record<number, number>> {
  if (typeof value !== 'object' || value === null || Object.keys(value).length > maxBiases) {
    throw new InvalidParameterError('logitBias', `logitBias must be an object of at most ${maxBiases} token ids and their biases.`)
  }
  for (const [id, bias] of Object.entries(value as Record<string, unknown>)) {
    const path = `logitBias.${id.slice(0, 60)}`
    checkTokenId(path, /^\d+$/.test(id) ? Number(id) : id, vocabSize)
    if (typeof bias !== 'number' || !(bias >= -100 && bias <= 100)) {
      throw new InvalidParameterError(path, `${path} is ${show(bias)}; it must be a number from -100 to 100.`)
    }
  }
  return value as Record<number, number>
}

function checkTokenId (param: string, id: unknown, vocabSize: number): void {
  if (Number.isSafeInteger(id) && id as number >= 0 && id as number < vocabSize) return
  throw new InvalidParameterError(param, `${param} has the id ${show(id)}; token ids of this model are 0 to ${vocabSize - 1}.`)
}

/** A value in a message: short, and never a crash. */
function show (value: unknown): string {
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number') return String(value)
  const text = JSON.stringify(value) ?? typeof value
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}
