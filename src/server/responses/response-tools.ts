import { InvalidParameterError, UnsupportedFieldError } from '../errors.js'
import type { ResponsesRequest } from '../schemas/responses-request.js'
import type { ToolChoice, ToolFields } from '../schemas/tool-fields.js'

type Tool = NonNullable<ResponsesRequest['tools']>[number]
type Choice = NonNullable<ResponsesRequest['tool_choice']>

/**
 * The tool fields of a response's request as chats have them, where a function is an object of its own.
 *
 * @throws InvalidParameterError, UnsupportedFieldError
 */
export function chatTools ({ tools = [], tool_choice: choice, parallel_tool_calls: parallelToolCalls }: ResponsesRequest): ToolFields {
  const names = tools.map((tool, i) => functionName(tool, `tools[${i}]`))
  return {
    tools: tools.map(({ description = null, parameters = null }, i) => ({ type: 'function', function: { name: names[i]!, description, parameters } })),
    ...parallelToolCalls === undefined ? {} : { parallel_tool_calls: parallelToolCalls },
    // Without tools these two ask for nothing.
    ...choice === undefined || (tools.length === 0 && (choice === 'auto' || choice === 'none')) ? {} : { tool_choice: chatChoice(choice, names) }
  }
}

function functionName ({ type, name }: Tool, path: string): string {
  if (type !== 'function') {
    throw new UnsupportedFieldError(path, `${path} is of the type ${JSON.stringify(type.slice(0, 40))}; functions are the only tools here.`)
  }
  if (name === undefined) throw new InvalidParameterError(`${path}.name`, `${path}.name is required.`)
  return name
}

function chatChoice (choice: Choice, names: readonly string[]): ToolChoice {
  if (typeof choice === 'string') return choice
  if (choice.type === 'function') return reference(choice.name, 'tool_choice.name', names)
  const { mode, tools } = choice
  return {
    type: 'allowed_tools',
    allowed_tools: { mode, tools: tools.map(({ name }, i) => reference(name, `tool_choice.tools[${i}].name`, names)) }
  }
}

function reference (name: string, path: string, names: readonly string[]): { type: 'function', function: { name: string } } {
  if (!names.includes(name)) throw new InvalidParameterError(path, `${path} is ${name}, which is not among tools: ${names.slice(0, 20).join(', ')}.`)
  return { type: 'function', function: { name } }
}
