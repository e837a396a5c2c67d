import Fastify, { LogController, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { pino } from 'pino'
import { ActiveRequests } from './active-requests.js'
import { ApiKeys } from './api-key.js'
import { registerChat } from './chat-route.js'
import { answerClientError } from './client-error.js'
import { registerCompletions } from './completions-route.js'
import { EngineHost } from './engine-host.js'
import { MethodNotAllowedError, UnsupportedMediaTypeError } from './errors.js'
import { registerInfo } from './info-routes.js'
import { registerMetrics } from './metrics/metrics-route.js'
import { useJsonBodies } from './json-body.js'
import { answerTo } from './openai-error.js'
import { serverDefaults, type ServerOptions } from './options.js'
import { RouteTable } from './route-table.js'
import type { EngineSource } from './served-engine.js'

export interface BuiltServer {
  readonly app: FastifyInstance
  readonly host: EngineHost
  readonly requests: ActiveRequests
}

/** The whole API for one engine, not listening yet. The engine may still be loading. */
export function buildServer (source: EngineSource, given: Partial<ServerOptions> = {}): BuiltServer {
  const options: ServerOptions = { ...serverDefaults, ...given }
  const logger = pino({ level: options.logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination(2))
  const app = Fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    bodyLimit: options.bodyLimitBytes,
    // Time to receive a request; answers take as long as they take.
    requestTimeout: 60_000,
    connectionTimeout: 0,
    // Longer than the idle time of common clients' pools, so that they close first.
    keepAliveTimeout: 75_000,
    http: { headersTimeout: 30_000, maxHeaderSize: 16 * 1024 },
    forceCloseConnections: true,
    return503OnClosing: false,
    requestIdHeader: false,
    genReqId: requestId,
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, request, reply) => {
      reply.header('x-request-id', request.id)
      sendError(error, request, reply)
    },
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false, verbose: true } }
  }) as unknown as FastifyInstance
  const host = new EngineHost(source, {
    onFailed: error => { app.log.error({ err: error }, 'the engine gave no token') }
  })
  const requests = new ActiveRequests()
  const routes = new RouteTable()

  function sendError (error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const { status, headers, body, isInternal } = answerTo(error, options.bodyLimitBytes)
    if (isInternal) request.log.error({ err: error }, 'a request failed')
    if (status >= 500 && request.routeOptions.config.needsEngine === true) host.suspect()
    if (error instanceof MethodNotAllowedError) reply.header('allow', error.allowed.join(', '))
    void reply.code(status).headers(headers).type('application/json; charset=utf-8').serializer(JSON.stringify).send(body)
  }

  app.setErrorHandler(sendError)
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0]!
    const allowed = routes.methodsOf(path)
    if (request.method === 'OPTIONS' && allowed.length > 0) return reply.code(204).header('allow', allowed.join(', ')).send()
    throw routes.errorFor(request.method, path)
  })
  app.addHook('onRoute', route => { routes.add(route) })
  addRequestHooks(app, new ApiKeys(options.apiKeys), host)
  useJsonBodies(app)
  const context = { host, requests, options }
  registerInfo(app, context)
  registerChat(app, context)
  registerCompletions(app, context)
  registerMetrics(app, context)
  return { app, host, requests }
}

function addRequestHooks (app: FastifyInstance, keys: ApiKeys, host: EngineHost): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id)
    if (request.method !== 'OPTIONS' && request.routeOptions.config.isPublic !== true) keys.check(request.headers.authorization)
    // Before the body is read: a refusal should cost nothing.
    if (request.routeOptions.config.needsEngine === true) host.checkReady()
    const encoding = request.headers['content-encoding']
    if (encoding !== undefined && encoding !== 'identity') {
      throw new UnsupportedMediaTypeError('Compressed bodies are not taken; send it without Content-Encoding.')
    }
  })
  app.addHook('onResponse', async (request, reply) => {
    request.log.info({
      method: request.method,
      route: request.routeOptions.url ?? 'unknown',
      status: reply.raw.statusCode,
      ms: Math.round(reply.elapsedTime),
      complete: reply.raw.writableFinished
    }, 'request')
  })
}

/** The caller's own id when it is fit for a header and a log line; a new one otherwise. */
function requestId (request: IncomingMessage): string {
  const given = request.headers['x-request-id']
  return typeof given === 'string' && /^[\x21-\x7e]{1,128}$/.test(given) ? given : `req_${randomUUID().replaceAll('-', '')}`
}
