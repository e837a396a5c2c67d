import type { MetadataValue } from '../native/binding.js'
import { ConfigReader } from './hf-config.js'

/**
 * GGUF key-values as a checked reader, so that an architecture reads both kinds of file alike.
 * Booleans that some writers store as 0 and 1 stay numbers.
 */
export function ggufReader (metadata: Readonly<Record<string, MetadataValue>>, source: string): ConfigReader {
  return new ConfigReader(metadata, source)
}

/** A per-layer or single count: the one number all layers share, or undefined when they differ. */
export function sharedCount (reader: ConfigReader, key: string): number | undefined {
  const value = reader.raw(key)
  if (value === undefined) return undefined
  if (typeof value === 'number') return reader.count(key)
  if (!(value instanceof Int32Array) && !Array.isArray(value)) throw reader.invalid(key, 'a whole number')
  const counts = Array.from(value as ArrayLike<unknown>)
  if (counts.some(count => count !== counts[0]) || !Number.isSafeInteger(counts[0])) {
    throw reader.unsupported(key, 'Layers of different shapes are not implemented.')
  }
  return counts[0] as number
}
