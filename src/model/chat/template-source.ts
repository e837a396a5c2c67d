import { ModelFilesError } from '../errors.js'

/** A model's templates by name: `default`, and sometimes `tool_use` or others. */
export type TemplateSources = Readonly<Record<string, string>>

/**
 * Reads `chat_template` as tokenizer_config.json has it: a string, or a list of named strings.
 *
 * @returns undefined when there is none
 */
export function templateSources (value: unknown, source: string): TemplateSources | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'string') return { default: value }
  if (!Array.isArray(value) || !value.every(isNamed)) {
    throw new ModelFilesError(`${source}: chat_template must be a string, or a list of objects with name and template.`)
  }
  if (value.length === 0) return undefined
  const named = Object.fromEntries(value.map(({ name, template }) => [name, template]))
  if (named.default === undefined) {
    throw new ModelFilesError(`${source}: chat_template has no template named "default".`)
  }
  return named
}

function isNamed (item: unknown): item is { name: string, template: string } {
  return typeof item === 'object' && item !== null &&
    typeof (item as { name?: unknown }).name === 'string' && typeof (item as { template?: unknown }).template === 'string'
}

/** Which of the templates a request needs: `tool_use` when it brings tools and the model has it. */
export function templateFor (sources: TemplateSources, hasTools: boolean): string {
  return hasTools && Object.hasOwn(sources, 'tool_use') ? 'tool_use' : 'default'
}
