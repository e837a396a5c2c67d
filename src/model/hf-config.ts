import { ModelFilesError, UnsupportedModelError } from './errors.js'

/**
 * Checked reading of a parsed JSON object such as config.json. `null` counts as missing, as in
 * `transformers`. Every error names the file and the field.
 */
export class ConfigReader {
  readonly source: string
  readonly #values: Readonly<Record<string, unknown>>
  readonly #path: string

  /** `source` is the file's name, `path` the dotted path of this object within it. */
  constructor (values: unknown, source: string, path = '') {
    if (typeof values !== 'object' || values === null || Array.isArray(values)) {
      throw new ModelFilesError(`${source}: ${path === '' ? 'the file' : path} must hold a JSON object.`)
    }
    this.source = source
    this.#values = values as Record<string, unknown>
    this.#path = path
  }

  has (field: string): boolean {
    return this.raw(field) !== undefined
  }

  /** The value as it is; null reads as undefined. */
  raw (field: string): unknown {
    return Object.hasOwn(this.#values, field) ? this.#values[field] ?? undefined : undefined
  }

  /** Whether the field is there with the value null. */
  isNull (field: string): boolean {
    return Object.hasOwn(this.#values, field) && this.#values[field] === null
  }

  /** An integer of at least 1. */
  count (field: string, fallback?: number): number {
    return this.#read(field, fallback, isCount, 'a whole number of at least 1')
  }

  /** A finite number above 0. */
  positive (field: string, fallback?: number): number {
    return this.#read(field, fallback, isPositive, 'a number above 0')
  }

  flag (field: string, fallback?: boolean): boolean {
    return this.#read(field, fallback, isBoolean, 'true or false')
  }

  text (field: string, fallback?: string): string {
    return this.#read(field, fallback, isString, 'a string')
  }

  object (field: string): ConfigReader | undefined {
    const value = this.raw(field)
    return value === undefined ? undefined : new ConfigReader(value, this.source, this.#name(field))
  }

  /** An error about a field's value. */
  invalid (field: string, wanted: string): ModelFilesError {
    return new ModelFilesError(
      `${this.source}: ${this.#name(field)} is ${show(this.raw(field))}; it must be ${wanted}.`)
  }

  /** An error about a value that is well formed, but not implemented. */
  unsupported (field: string, advice: string): UnsupportedModelError {
    return new UnsupportedModelError(
      `${this.source}: ${this.#name(field)} is ${show(this.raw(field))}, which is not supported. ${advice}`)
  }

  #read<T> (field: string, fallback: T | undefined, test: (value: unknown) => value is T, wanted: string): T {
    const value = this.raw(field)
    if (value === undefined) {
      if (fallback !== undefined) return fallback
      throw new ModelFilesError(`${this.source}: ${this.#name(field)} is missing; it must be ${wanted}.`)
    }
    if (!test(value)) throw this.invalid(field, wanted)
    return value
  }

  #name (field: string): string {
    return this.#path === '' ? field : `${this.#path}.${field}`
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 1
const isPositive = (value: unknown): value is number => Number.isFinite(value) && (value as number) > 0
const isBoolean = (value: unknown): value is boolean => typeof value === 'boolean'
const isString = (value: unknown): value is string => typeof value === 'string'

function show (value: unknown): string {
  const text = JSON.stringify(value, (_key, part: unknown) => typeof part === 'bigint' ? String(part) : part) ?? 'missing'
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}
