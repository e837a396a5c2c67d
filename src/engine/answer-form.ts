import { InvalidParameterError } from '../core/errors.js'
import type { Constraint } from '../grammar/constraint.js'
import type { Grammar, Grammars } from '../grammar/grammars.js'
import { afterThoughts } from '../model/chat/forced-thoughts.js'
import { reasoningMarkup } from '../model/chat/reasoning.js'
import { type CallableTool, forcedCalls } from '../model/chat/tool-calls/forced-calls.js'
import type { EngineParts } from './engine-model.js'
import type { EngineRequest } from './engine-request.js'
import { specialTokens } from './special-tokens.js'

/**
 * What the answers of a chat are held to: calls, where it must call tools, else what the request asks for, or calls
 * in its place. A model that thinks does so first.
 */
export function answerForm (request: EngineRequest, mustCall: boolean, { chatTemplate, tokenizer }: EngineParts): Constraint | undefined {
  const { options: { constraint }, callRules: { allowed, isSingle = false }, offered, format, reasons, prompt } = request
  if (!mustCall && constraint === undefined) return undefined
  const specialsOf = (texts: readonly string[]): string[] => [...specialTokens(tokenizer, texts).values()]
  const forms: Constraint[] = constraint === undefined ? [] : [constraint]
  if (format !== undefined) {
    const tools = callableTools(offered.definitions ?? []).filter(({ name }) => allowed?.has(name) ?? true)
    const callable = mustCall ? tools : tools.map(({ name }) => ({ name, parameters: { type: 'object' } }))
    forms.push(forcedCalls(format.spelling(chatTemplate!.source(true)), callable, isSingle, specialsOf(format.specials)))
  }
  const form: Constraint = forms.length === 1 ? forms[0]! : { type: 'anyOf', parts: forms }
  return reasons ? afterThoughts(form, prompt!.opensReasoning, specialsOf(reasoningMarkup)) : form
}

interface Definition {
  readonly function?: { readonly name?: unknown, readonly parameters?: Readonly<Record<string, unknown>> | null }
}

function callableTools (definitions: readonly unknown[]): CallableTool[] {
  return definitions.flatMap(definition => {
    const { name, parameters } = (definition as Definition | null)?.function ?? {}
    return typeof name === 'string' ? [{ name, parameters: argumentsSchema(parameters ?? {}) }] : []
  })
}

/** Keywords that leave no room for others. */
const combiners = ['$ref', 'anyOf', 'oneOf', 'allOf', 'enum', 'const']

/** Arguments are an object, and a tool that lists none of them takes none. */
function argumentsSchema (parameters: CallableTool['parameters']): CallableTool['parameters'] {
  if (combiners.some(name => Object.hasOwn(parameters, name))) return parameters
  const { type = 'object', properties, additionalProperties } = parameters
  const hasNone = additionalProperties === undefined && Object.keys((properties ?? {})).length === 0
  return { ...parameters, type, ...hasNone ? { additionalProperties: false } : {} }
}

/** @throws InvalidParameterError that names the place within the request */
export async function grammarOf (constraint: Constraint, request: EngineRequest, grammars: Grammars): Promise<Grammar> {
  try {
    return await grammars.grammar(constraint, request.endSignal)
  } catch (error) {
    if (!(error instanceof InvalidParameterError) || constraint === request.options.constraint) throw error
    throw await placedError(error, request, grammars)
  }
}

/** The same, of the part that the request has. */
async function placedError (error: InvalidParameterError, { options, offered, endSignal }: EngineRequest, grammars: Grammars): Promise<Error> {
  const parts: Array<readonly [Constraint, string, string]> = options.constraint !== undefined
    ? [[options.constraint, '', '']]
    : callableTools(offered.definitions ?? []).map(({ parameters: schema }, i) => [{ type: 'jsonSchema', schema }, 'constraint.schema', `tools[${i}].function.parameters`])
  for (const [part, own, place] of parts) {
    try {
      await grammars.find(part, endSignal)
    } catch (cause) {
      if (!(cause instanceof InvalidParameterError)) throw cause
      return new InvalidParameterError((cause.param ?? '').replace(own, place), cause.message.replace(own, place))
    }
  }
  return error
}
