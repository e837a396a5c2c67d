import type { ConfigReader } from './hf-config.js'
import { ModelFilesError } from './errors.js'

/** What the model's own files say about sampling; missing = nothing said. */
export interface GenerationDefaults {
  readonly temperature?: number
  readonly topP?: number
  readonly topK?: number
  readonly minP?: number
  readonly repetitionPenalty?: number
}

/**
 * Sampling defaults from generation_config.json. `do_sample: false` means greedy, whatever the
 * other fields say.
 */
export function generationDefaults (config: ConfigReader | undefined): GenerationDefaults {
  if (config === undefined) return {}
  const read = (field: string, from: number, to: number): number | undefined => {
    const value = config.raw(field)
    if (value === undefined) return undefined
    if (typeof value !== 'number' || !(value >= from && value <= to)) throw config.invalid(field, `a number from ${from} to ${to}`)
    return value
  }
  const isGreedy = config.has('do_sample') && !config.flag('do_sample')
  const defaults = {
    temperature: isGreedy ? 0 : read('temperature', 0, 100),
    topP: read('top_p', 0, 1),
    topK: read('top_k', 0, Number.MAX_SAFE_INTEGER),
    minP: read('min_p', 0, 1),
    repetitionPenalty: read('repetition_penalty', 0.01, 100)
  }
  return Object.fromEntries(Object.entries(defaults).filter(([, value]) => value !== undefined))
}

/** The ids in `field`: an integer, a list of integers, or nothing. */
export function tokenIds (config: ConfigReader | undefined, field: string): readonly number[] {
  const value = config?.raw(field)
  if (config === undefined || value === undefined) return []
  const ids: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (!ids.every(isTokenId)) throw config.invalid(field, 'a token id, or a list of token ids')
  return ids
}

const isTokenId = (id: unknown): id is number => Number.isSafeInteger(id) && (id as number) >= 0

/**
 * The ids that end an answer, from all places that name some.
 *
 * @throws ModelFilesError for an id that the model cannot produce
 */
export function uniqueEosIds (ids: readonly number[], vocabSize: number, source: string): readonly number[] {
  const tooLarge = ids.find(id => id >= vocabSize)
  if (tooLarge !== undefined) {
    throw new ModelFilesError(`${source}: the end-of-text id ${tooLarge} is past the model's vocabulary of ${vocabSize}. ` +
      'Check that tokenizer, config and weights belong together.')
  }
  return [...new Set(ids)].sort((a, b) => a - b)
}
