/** A call whose name is known, and whose arguments are being written. */
export interface BegunCall {
  readonly name: string
  /** Where its arguments lie within the call's text, markup included: `[start, end)`. */
  readonly start: number
  /** Undefined while they go on. */
  end: number | undefined
}

/** A call of a tool as the model wrote it. */
export interface WrittenCall {
  /** With its markup. */
  readonly text: string
  /** Empty when it cannot be read. */
  readonly name: string
  readonly arguments: Readonly<Record<string, unknown>>
  /** The same as JSON: as the model wrote it, where it wrote an object. */
  readonly argumentsText: string
  /** What told of it while it was written. */
  readonly begun?: BegunCall | undefined
  /** What is wrong with it, in words for the model. */
  readonly error?: string
}

/** Templates and schemas are walked by recursion. */
const maxDepth = 64

/** A call that cannot be read. */
export function malformed (text: string, error: string, name = ''): WrittenCall {
  return { text, name, arguments: {}, argumentsText: '{}', error }
}

/**
 * A call out of the JSON that all formats have it in: `name`, and `arguments` or `parameters`.
 *
 * @param begun what of it has been found already, and counts where the JSON has it twice
 */
export function callOf (value: unknown, text: string, begun?: BegunCall): WrittenCall {
  if (!isObject(value)) return malformed(text, 'A tool call must be a JSON object with name and arguments.')
  if (begun !== undefined) return callWith(begun.name, tryParse(text.slice(begun.start, begun.end)), text, begun)
  const { name } = value
  if (typeof name !== 'string' || name === '') return malformed(text, 'The tool call has no name.')
  return callWith(name, value['arguments'] ?? value['parameters'] ?? {}, text)
}

export function callWith (name: string, given: unknown, text: string, begun?: BegunCall): WrittenCall {
  // Some models write the object as a text with JSON in it.
  const value = typeof given === 'string' ? tryParse(given) : given
  if (!isObject(value)) return malformed(text, `The arguments of ${name} must be a JSON object.`, name)
  if (isDeeper(value, maxDepth)) return malformed(text, `The arguments of ${name} are nested more than ${maxDepth} levels deep.`, name)
  const argumentsText = begun === undefined ? JSON.stringify(value) : text.slice(begun.start, begun.end)
  return { text, name, arguments: value, argumentsText, begun }
}

/** @returns `undefined` for what is no JSON */
export function tryParse (json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

export function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isDeeper (value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return depth === 0 || Object.values(value).some(item => isDeeper(item, depth - 1))
}
