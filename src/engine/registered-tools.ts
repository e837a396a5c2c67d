import { Compile } from 'typebox/schema'
import { InvalidParameterError } from '../core/errors.js'
import { didYouMean } from '../core/suggest.js'
import type { Tool, ToolCall, ToolContext } from './api.js'
import { toolNames } from './tool-waits.js'

/** A tool that was checked, with its defaults. */
export interface RegisteredTool {
  readonly name: string
  /** In OpenAI's form, for the chat template. */
  readonly definition: unknown
  readonly timeoutMs: number
  readonly maxResultChars: number
  /** What is wrong with arguments, in words for the model; undefined when nothing is. */
  check (args: unknown): string | undefined
  call (args: ToolCall['arguments'], context: ToolContext): unknown
}

/** What the model of one request may call. */
export interface OfferedTools {
  /** For the chat template; undefined = none. */
  readonly definitions: readonly unknown[] | undefined
  readonly names: readonly string[]
  /** Those of them that the engine runs. */
  readonly registered: ReadonlyMap<string, RegisteredTool>
}

export const noTools: OfferedTools = { definitions: undefined, names: [], registered: new Map() }

/** The tools that a program has registered with its engine. */
export class RegisteredTools {
  readonly #byName = new Map<string, RegisteredTool>()

  /**
   * Returns the function that takes it away again: requests that were offered it keep it.
   *
   * @throws InvalidParameterError
   */
  register (tool: Tool): () => void {
    const registered = checkedTool(tool)
    const { name } = registered
    if (this.#byName.has(name)) throw new InvalidParameterError('name', `A tool ${name} is registered already. Take it away first, or choose another name.`)
    this.#byName.set(name, registered)
    return () => { if (this.#byName.get(name) === registered) this.#byName.delete(name) }
  }

  /**
   * What a request's `tools` means now.
   *
   * @throws InvalidParameterError
   */
  offer (tools: unknown): OfferedTools {
    if (tools === undefined) return noTools
    if (tools === 'registered') return this.#offer([...this.#byName.keys()])
    if (!Array.isArray(tools)) throw new InvalidParameterError('tools', 'tools must be \'registered\', or a list of definitions and names of registered tools.')
    return this.#offer(tools)
  }

  #offer (tools: readonly unknown[]): OfferedTools {
    const registered = new Map<string, RegisteredTool>()
    const definitions = tools.map((tool, i) => {
      if (typeof tool !== 'string') return tool
      const known = this.#byName.get(tool)
      if (known === undefined) throw new InvalidParameterError(`tools[${i}]`, `There is no registered tool ${tool}.${didYouMean(tool, [...this.#byName.keys()])}`)
      registered.set(tool, known)
      return known.definition
    })
    const names = toolNames(definitions)
    const twice = names.find((name, i) => names.indexOf(name) < i)
    if (twice !== undefined && registered.has(twice)) throw new InvalidParameterError('tools', `tools has ${twice} twice.`)
    return { definitions, names, registered }
  }
}

const toolOptions = ['name', 'description', 'parameters', 'timeoutMs', 'maxResultChars', 'call']
/** OpenAI's rule. */
const namePattern = /^[a-zA-Z0-9_-]{1,64}$/
const defaultTimeoutMs = 60_000
/** A timer's longest. */
const maxTimeoutMs = 2 ** 31 - 1
const defaultResultChars = 65_536
const noArguments = { type: 'object', properties: {} }
const mostFaults = 5

function checkedTool (tool: Tool): RegisteredTool {
  if (typeof tool !== 'object' || tool === null) throw new InvalidParameterError('tool', 'A tool must be an object with name, description, parameters and call.')
  for (const key of Object.keys(tool)) {
    if (!toolOptions.includes(key)) throw new InvalidParameterError(key, `A tool has no ${key}.${didYouMean(key, toolOptions)}`)
  }
  const { name, description = '', timeoutMs = defaultTimeoutMs, maxResultChars = defaultResultChars } = tool
  if (typeof name !== 'string' || !namePattern.test(name)) {
    throw new InvalidParameterError('name', `name is ${JSON.stringify(name)}; it must be 1 to 64 letters, digits, _ or -.`)
  }
  if (typeof description !== 'string') throw new InvalidParameterError('description', `The description of ${name} must be a text.`)
  if (typeof tool.call !== 'function') throw new InvalidParameterError('call', `The tool ${name} has no function call.`)
  checkRange('timeoutMs', timeoutMs, maxTimeoutMs)
  checkRange('maxResultChars', maxResultChars, Number.MAX_SAFE_INTEGER)
  const parameters = plainSchema(name, tool.parameters ?? noArguments)
  return {
    name,
    definition: { type: 'function', function: { name, description, parameters } },
    timeoutMs,
    maxResultChars,
    check: checkerOf(name, parameters),
    call: (args, context) => tool.call(args, context)
  }
}

function checkRange (name: string, value: unknown, maximum: number): void {
  if (typeof value === 'number' && value >= 1 && value <= maximum) return
  throw new InvalidParameterError(name, `${name} is ${String(value)}; it must be a number from 1 to ${maximum}.`)
}

/** A copy that stays as it is. */
function plainSchema (name: string, parameters: unknown): Record<string, unknown> {
  let copy: unknown
  try {
    copy = JSON.parse(JSON.stringify(parameters))
  } catch (error) {
    throw new InvalidParameterError('parameters', `The parameters of ${name} cannot be written as JSON: ${(error as Error).message}`)
  }
  if ((copy as { type?: unknown } | null)?.type !== 'object') {
    throw new InvalidParameterError('parameters', `The parameters of ${name} must be a JSON schema of type object.`)
  }
  return copy as Record<string, unknown>
}

function checkerOf (name: string, parameters: Record<string, unknown>): RegisteredTool['check'] {
  try {
    const schema = Compile(parameters)
    return args => {
      if (schema.Check(args)) return undefined
      const [, errors] = schema.Errors(args)
      // A required member that is missing is told of by its object.
      const faults = errors.slice(0, mostFaults).map(({ instancePath, message }) => `${instancePath === '' ? 'they' : instancePath.slice(1).replaceAll('/', '.')} ${message}`)
      return `The arguments of ${name} do not fit its parameters: ${faults.join('; ')}.`
    }
  } catch (error) {
    throw new InvalidParameterError('parameters', `The parameters of ${name} are no JSON schema that can be checked: ${(error as Error).message}`)
  }
}
