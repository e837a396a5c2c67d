import type { RouteOptions } from 'fastify'
import type { TSchema } from 'typebox'
import { millraceVersion } from './version.js'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** For the API's description: what the route does. */
    summary?: string
    /** What it answers with 200, and what each event of a stream holds. */
    answer?: { readonly json: TSchema, readonly event?: TSchema }
  }
}

export type DescribedRoute = Pick<RouteOptions, 'method' | 'url' | 'schema' | 'config'>

type JsonObject = Record<string, unknown>

/**
 * The API in OpenAPI 3.1, whose schemas are JSON schemas: those of the bodies are the ones by which requests are checked.
 *
 * @param prefix - of all routes, where they are a part of another server
 */
export function openApiDocument (routes: readonly DescribedRoute[], prefix: string): object {
  const paths: Record<string, JsonObject> = {}
  for (const route of routes) {
    // Every GET answers HEAD too.
    for (const method of [route.method].flat().filter(one => one !== 'HEAD')) {
      const path = pathOf(route.url.slice(prefix.length))
      paths[path] = { ...paths[path], [method.toLowerCase()]: operation(route) }
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Millrace',
      version: millraceVersion,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      description: 'OpenAI\'s API and more. In bodies, null counts as not given; fields that are not listed are ignored and named in the header x-millrace-ignored-fields, or refused by name.'
    },
    servers: [{ url: prefix === '' ? '/' : prefix }],
    security: [{ apiKey: [] }],
    paths,
    components: {
      securitySchemes: { apiKey: { type: 'http', scheme: 'bearer', description: 'Where the server has API keys.' } },
      schemas: { Error: errorSchema },
      responses: { Error: { description: 'Any failure.', content: json({ $ref: '#/components/schemas/Error' }) } }
    }
  }
}

const errorSchema = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['message', 'type', 'param', 'code'],
      properties: {
        message: { type: 'string' },
        type: { type: 'string' },
        param: { type: ['string', 'null'], description: 'The field at fault, such as messages[0].content.' },
        code: { type: ['string', 'null'] }
      }
    }
  }
}

/** `:name` and the rest behind a slash are parameters in braces. */
function pathOf (url: string): string {
  return url.replace(/:(\w+)/g, '{$1}').replace(/\*$/, '{id}')
}

function operation ({ url, schema, config }: DescribedRoute): JsonObject {
  const parameters = [...pathParameters(url), ...queryParameters(schema?.querystring as JsonObject | undefined)]
  return {
    ...config?.summary === undefined ? {} : { summary: config.summary },
    ...config?.isPublic === true ? { security: [] } : {},
    ...parameters.length === 0 ? {} : { parameters },
    ...schema?.body === undefined ? {} : { requestBody: { required: true, content: json(schema.body) } },
    responses: { 200: success(config?.answer), default: { $ref: '#/components/responses/Error' } }
  }
}

/** OpenAPI 3.1 has no word for a stream's parts: the schema is that of what `data:` holds, but for a last `[DONE]`. */
function success (answer: { readonly json: TSchema, readonly event?: TSchema } | undefined): JsonObject {
  if (answer === undefined) return { description: 'Success.' }
  const { json: plain, event } = answer
  if (event === undefined) return { description: 'Success.', content: json(plain) }
  return { description: 'Success; of a stream, what each event holds.', content: { ...json(plain), 'text/event-stream': { schema: event } } }
}

function pathParameters (url: string): JsonObject[] {
  return [...pathOf(url).matchAll(/\{(\w+)\}/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } }))
}

function queryParameters (querystring: JsonObject | undefined): JsonObject[] {
  const { properties = {}, required = [] } = (querystring ?? {}) as { properties?: JsonObject, required?: readonly string[] }
  return Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', required: required.includes(name), schema }))
}

function json (schema: unknown): JsonObject {
  return { 'application/json': { schema } }
}
