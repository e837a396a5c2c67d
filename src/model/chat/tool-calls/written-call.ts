/** A call of a tool as the model wrote it. */
export interface WrittenCall {
  /** With its markup. */
  readonly text: string
  /** Empty when it cannot be read. */
  readonly name: string
  readonly arguments: Readonly<Record<string, unknown>>
  /** What is wrong with it, in words for the model. */
  readonly error?: string
}

/** Templates and schemas are walked by recursion. */
const maxDepth = 64

/** A call that cannot be read. */
export function malformed (text: string, error: string, name = ''): WrittenCall {
  return { text, name, arguments: {}, error }
}

/** A call out of the JSON that all formats have it in: `name`, and `arguments` or `parameters`. */
export function callOf (value: unknown, text: string): WrittenCall {
  if (!isObject(value)) return malformed(text, 'A tool call must be a JSON object with name and arguments.')
  const { name } = value
  if (typeof name !== 'string' || name === '') return malformed(text, 'The tool call has no name.')
  return callWith(name, value['arguments'] ?? value['parameters'] ?? {}, text)
}

export function callWith (name: string, given: unknown, text: string): WrittenCall {
  // Some models write the object as a text with JSON in it.
  const value = typeof given === 'string' ? tryParse(given) : given
  if (!isObject(value)) return malformed(text, `The arguments of ${name} must be a JSON object.`, name)
  if (isDeeper(value, maxDepth)) return malformed(text, `The arguments of ${name} are nested more than ${maxDepth} levels deep.`, name)
  return { text, name, arguments: value }
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
