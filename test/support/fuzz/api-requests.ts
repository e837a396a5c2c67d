import fc from 'fast-check'
import { brokenBodies } from './broken-bodies.js'
import type { JsonSchema, Path } from './json-schema.js'
import { bodiesOf, valuesOf } from './valid-bodies.js'

/** One request of a fuzz run. */
export interface ApiRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Buffer | undefined
  /** What was done to it; 'valid' = nothing. */
  readonly what: string
  /** As of a broken body. */
  readonly params: readonly Path[] | undefined
  /** In the document, such as POST /v1/completions. */
  readonly operation: string
}

export interface Operation {
  readonly name: string
  readonly method: string
  readonly path: string
  readonly body: JsonSchema | undefined
  readonly query: ReadonlyArray<{ readonly name: string, readonly schema: JsonSchema }>
}

/** What the server's own document says that can be asked of it. */
export function operationsOf ({ paths }: { paths: Readonly<Record<string, Readonly<Record<string, any>>>> }): Operation[] {
  return Object.entries(paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => ({
    name: `${method.toUpperCase()} ${path}`,
    method: method.toUpperCase(),
    path,
    body: operation.requestBody?.content['application/json'].schema as JsonSchema | undefined,
    query: ((operation.parameters ?? []) as Array<Operation['query'][number] & { readonly in: string }>).filter(parameter => parameter.in === 'query')
  })))
}

/** Requests of all operations: as they should be, broken in one place, and with odd headers. */
export function apiRequests (operations: readonly Operation[], model: string): fc.Arbitrary<ApiRequest> {
  const withBody = operations.filter(({ body }) => body !== undefined)
  const others = operations.filter(({ body }) => body === undefined)
  return fc.oneof(
    { weight: 3, arbitrary: fc.oneof(...withBody.map(operation => validRequest(operation, model))) },
    { weight: 6, arbitrary: fc.oneof(...withBody.map(operation => brokenRequest(operation, model))) },
    { weight: 1, arbitrary: fc.oneof(...withBody.map(operation => withOddHeaders(validRequest(operation, model)))) },
    { weight: 1, arbitrary: withOddHeaders(fc.oneof(...others.map(operation => pathRequest(operation, model)))) }
  )
}

const json = { 'content-type': 'application/json' }

function validRequest (operation: Operation, model: string): fc.Arbitrary<ApiRequest> {
  const { method, path, name } = operation
  return bodiesOf(operation.body!, model).map(body => ({ method, path, headers: json, body: JSON.stringify(body), what: 'valid', params: undefined, operation: name }))
}

function brokenRequest (operation: Operation, model: string): fc.Arbitrary<ApiRequest> {
  const { method, path, body, name } = operation
  return brokenBodies(body!, bodiesOf(body!, model)).map(({ text, what, params }) => ({ method, path, headers: json, body: text, what, params, operation: name }))
}

/** Names in a path, as people write them and as nobody should. */
const pathNames = fc.oneof(fc.string({ maxLength: 30 }), fc.constantFrom('..', '../../etc/passwd', '__proto__', 'constructor', '\0', 'resp_0', 'x'.repeat(3000), '%00', '?', '#', '\u{1f600}'))

function pathRequest (operation: Operation, model: string): fc.Arbitrary<ApiRequest> {
  const { method, path, query } = operation
  const parameters = fc.record(Object.fromEntries(query.map(({ name, schema }) => [name, fc.oneof(valuesOf(schema, model), fc.string(), fc.constantFrom('-1', '0', '1e999', 'NaN', ''))])), { requiredKeys: [] })
  return fc.tuple(pathNames, parameters, fc.boolean()).map(([name, values, isRaw]) => {
    const id = isRaw ? name.replaceAll(/[^\x21-\x7e]|[?#]/g, '') : encodeURIComponent(Buffer.from(name).toString())
    const search = new URLSearchParams(values as Record<string, string>).toString()
    return { method, path: path.replaceAll(/\{\w+\}/g, () => id) + (search === '' ? '' : `?${search}`), headers: {}, body: undefined, what: 'path', params: undefined, operation: operation.name }
  })
}

const headerValue = fc.oneof(fc.constantFrom('', '0', '-1', '1e308', 'NaN', '99999999999999999999', 'x'.repeat(4000), '__proto__', '*/*', 'identity', 'gzip', 'é', 'text/plain'), fc.string({ maxLength: 40 }))
const oddHeaders = fc.dictionary(fc.constantFrom(
  'content-type', 'content-encoding', 'accept', 'accept-encoding', 'authorization', 'x-stainless-timeout', 'x-request-id', 'traceparent', 'tracestate', 'origin', 'if-none-match', 'range', 'x-forwarded-for', 'cookie', 'te'
), headerValue, { minKeys: 1, maxKeys: 4 })

function withOddHeaders (requests: fc.Arbitrary<ApiRequest>): fc.Arbitrary<ApiRequest> {
  return fc.tuple(requests, oddHeaders).map(([request, headers]) => {
    const fit = Object.entries(headers).map(([name, value]) => [name, value.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, '')] as const)
    return { ...request, headers: { ...request.headers, ...Object.fromEntries(fit) }, what: `${request.what}, odd headers` }
  })
}
