import type { FastifySchemaValidationError } from 'fastify'

/** Ajv's own fields under `verbose: true`, which Fastify's type leaves out. */
interface ValidationError extends FastifySchemaValidationError {
  readonly data?: unknown
  readonly parentSchema?: { readonly title?: string }
}

/**
 * One sentence and the JSON path for what Ajv found. Of the branches of a union, the one that matched
 * deepest is what the caller meant; when several did, the union's own title says what is allowed.
 */
export function describeValidation (errors: readonly FastifySchemaValidationError[]): { param: string, message: string } {
  const error = mostTelling(errors)
  const path = jsonPath(error.instancePath)
  const missing = error.keyword === 'required' ? String(error.params['missingProperty']) : undefined
  const param = missing === undefined ? path : path === '' ? missing : `${path}.${missing}`
  if (missing !== undefined) return { param, message: `${param} is required.` }
  const subject = path === '' ? 'The body' : path
  return { param, message: `${subject} ${requirement(error)}.${received(error.data)}` }
}

function mostTelling (errors: readonly ValidationError[]): ValidationError {
  const union = errors.find(error => error.keyword === 'anyOf')
  const branches = errors.filter(error => error.keyword !== 'anyOf')
  const deepest = Math.max(...branches.map(depth))
  const candidates = branches.filter(error => depth(error) === deepest)
  if (union !== undefined && (candidates.length !== 1 || deepest <= depth(union))) return union
  return candidates[0] ?? errors[0]!
}

/** How far the caller got. What is missing lies in what is there; a wrong `type` says that its branch is not meant. */
function depth ({ instancePath, keyword }: ValidationError): number {
  const parts = instancePath.split('/').length
  if (keyword === 'required') return parts + 1
  return keyword === 'enum' && instancePath.endsWith('/type') ? parts - 0.5 : parts
}

function requirement (error: ValidationError): string {
  const params = error.params as Readonly<Record<string, string | number>>
  switch (error.keyword) {
    case 'anyOf': return `must be ${error.parentSchema?.title ?? 'of another type'}`
    case 'type': return `must be ${article(String(params['type']))}`
    case 'enum': return `must be one of ${(error.params['allowedValues'] as string[]).join(', ')}`
    case 'additionalProperties': return `has the key ${JSON.stringify(String(params['additionalProperty']).slice(0, 60))}, which is not allowed there`
    case 'minItems': return `needs at least ${params['limit']} item${params['limit'] === 1 ? '' : 's'}`
    case 'maxItems': return `takes at most ${params['limit']} items`
    case 'minLength': return params['limit'] === 1 ? 'must not be empty' : `needs at least ${params['limit']} characters`
    case 'maxProperties': return `takes at most ${params['limit']} keys`
    case 'maxLength': return `takes at most ${params['limit']} characters`
    case 'minimum': return `must be at least ${params['limit']}`
    case 'maximum': return `must be at most ${params['limit']}`
    case 'exclusiveMinimum': return `must be above ${params['limit']}`
    default: return error.message ?? 'is not valid'
  }
}

function article (type: string): string {
  return type === 'null' ? type : `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`
}

/** Short values only: a prompt is nobody's business in a log of errors. */
function received (value: unknown): string {
  if (typeof value === 'number') return ` It is ${value}.`
  if (typeof value === 'string' && value.length > 0 && value.length <= 40) return ` It is ${JSON.stringify(value)}.`
  return ''
}

/** `/messages/0/content` as `messages[0].content`. */
function jsonPath (pointer: string): string {
  return pointer.split('/').slice(1)
    .map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((path, part) => /^[0-9]+$/.test(part) && path !== 'logit_bias' ? `${path}[${part}]` : path === '' ? part : `${path}.${part}`, '')
}
