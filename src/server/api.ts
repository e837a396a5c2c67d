import buildAjvCompiler from '@fastify/ajv-compiler'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ActiveRequests } from './active-requests.js'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { estimatedTokens } from '../engine/queue-bound.js'
import { registerAdmin } from './admin-routes.js'
import { ApiKeys, isPrivateName, type Caller } from './api-key.js'
import { registerChat } from './chat-route.js'
import { registerCompletions } from './completions-route.js'
import { addCors } from './cors.js'
import { registerEmbeddings } from './embeddings-route.js'
import { EngineHost } from './engine-host.js'
import { ForeignHostError, MethodNotAllowedError, TooManyConnectionsError, UnsupportedMediaTypeError } from './errors.js'
import { registerInfo } from './info-routes.js'
import { useJsonBodies } from './json-body.js'
import { readAllKeys } from './key-file.js'
import { registerMetrics } from './metrics/metrics-route.js'
import { answerTo } from './openai-error.js'
import { registerOpenApi } from './openapi-route.js'
import type { ServerOptions } from './options.js'
import { closeWithConnection } from './pipelined-answers.js'
import { registerResponses } from './responses/responses-route.js'
import { logRequest } from './request-log.js'
import { RouteTable } from './route-table.js'
import { registerTokenize } from './tokenize-routes.js'
import type { EngineSource } from './served-engine.js'
import { traceOf } from './trace-context.js'
import { Uploads } from './uploads.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** Undefined for what needs no key. */
    caller: Caller | undefined
  }
  interface FastifyInstance {
    /** Fields that nobody knows are refused. */
    readonly strictFields: boolean
    /** Keys share one prefix cache. */
    readonly sharePrefixes: boolean
  }
}

export interface Api {
  readonly host: EngineHost
  readonly requests: ActiveRequests
  /**
   * Reads the file of keys again; requests that run go on.
   *
   * @throws InvalidOptionError, and the keys stay as they were
   */
  reloadKeys (): void
}

export interface ApiScope {
  /** Whether requests that no route takes are the API's to answer, or somebody else's. */
  readonly strangers: 'ours' | 'theirs'
  /** Tells a connection that is one too many. */
  readonly isExcess?: (socket: Socket) => boolean
  /** Only programs of this machine are meant to use it, and no key keeps others out. */
  readonly isLocalOnly?: boolean | undefined
}

/**
 * Registers everything that belongs to the API: routes, errors, bodies, checks. All of it is of this instance
 * and those below it, so that it can be a part of somebody else's server.
 */
export function registerApi (
  app: FastifyInstance, source: EngineSource, options: ServerOptions, { strangers, isExcess = () => false, isLocalOnly = false }: ApiScope
): Api {
  const host = new EngineHost(source, {
    onFailed: error => { app.log.error({ err: error }, 'the engine gave no token') }
  })
  const requests = new ActiveRequests()
  const routes = new RouteTable()
  app.addHook('onRoute', route => {
    route.bodyLimit ??= options.bodyLimitBytes
    routes.add(route)
  })
  addErrorHandler(app, host, options)
  if (strangers === 'ours') answerStrangers(app, routes)
  if (options.corsOrigins.length > 0) addCors(app, options.corsOrigins)
  const readKeys = () => readAllKeys(options.apiKeys, options.apiKeyFile, () => {
    app.log.warn('other users of this machine can read the file of API keys (chmod 600)')
  })
  const keys = new ApiKeys(readKeys(), { adminKey: options.adminKey, limits: { requests: options.rateLimitRequests, tokens: options.rateLimitTokens } })
  const reloadKeys = (): void => { keys.replace(readKeys()) }
  const uploads = new Uploads(options.maxUploadBytes)
  if (isLocalOnly) refuseForeignHosts(app)
  addRequestHooks(app, { keys, host, uploads, isExcess }, options)
  followUploads(app, uploads)
  useJsonBodies(app)
  useStrictSchemas(app)
  app.decorateRequest('caller', undefined)
  app.decorate('strictFields', options.strictFields)
  app.decorate('sharePrefixes', options.sharePrefixes)
  const context = { host, requests, options, reloadKeys }
  registerInfo(app, context)
  registerChat(app, context)
  registerCompletions(app, context)
  registerResponses(app, context)
  registerEmbeddings(app, context)
  registerTokenize(app, context)
  registerMetrics(app, context)
  registerOpenApi(app, routes)
  if (options.adminKey !== undefined) registerAdmin(app, context)
  return { host, requests, reloadKeys }
}

function addErrorHandler (app: FastifyInstance, host: EngineHost, options: ServerOptions): void {
  app.setErrorHandler((error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const { status, headers, body, isInternal } = answerTo(error, options.bodyLimitBytes)
    if (isInternal) request.log.error({ ...traceOf(request.headers), err: error }, 'a request failed')
    if (isInternal && request.routeOptions.config.needsEngine === true) host.suspect()
    if (error instanceof MethodNotAllowedError) reply.header('allow', error.allowed.join(', '))
    void reply.code(status).headers(headers).type('application/json; charset=utf-8').serializer(JSON.stringify).send(body)
  })
}

function answerStrangers (app: FastifyInstance, routes: RouteTable): void {
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0]!
    const allowed = routes.methodsOf(path)
    if (request.method === 'OPTIONS' && allowed.length > 0) return reply.code(204).header('allow', allowed.join(', ')).send()
    throw routes.errorFor(request.method, path)
  })
}

/** The framework's own defaults turn texts into numbers and drop fields, and a host may have others yet. */
function useStrictSchemas (app: FastifyInstance): void {
  const compile = buildAjvCompiler()({}, { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false, verbose: true } })
  app.setValidatorCompiler(({ schema }) => compile({ schema }) as never)
}

/** A page whose name its owner lets lead to 127.0.0.1 (DNS rebinding) is of the same origin as this server, to its browser: only the name tells. */
function refuseForeignHosts (app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    const { host } = request.headers
    if (host === undefined || request.routeOptions.config.isPublic === true || isPrivateName(host)) return
    reply.header('x-request-id', request.id)
    throw new ForeignHostError(host)
  })
}

interface Gates extends Required<Pick<ApiScope, 'isExcess'>> {
  readonly keys: ApiKeys
  readonly host: EngineHost
  readonly uploads: Uploads
}

function addRequestHooks (app: FastifyInstance, { keys, host, uploads, isExcess }: Gates, options: ServerOptions): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id)
    closeWithConnection(reply.raw, request.raw.socket)
    // Clients and balancers that hold a connection open should not come back to this process.
    const isOneTooMany = isExcess(request.raw.socket)
    if (host.state === 'draining' || isOneTooMany) reply.header('connection', 'close')
    const { isPublic, isAdmin, needsEngine } = request.routeOptions.config
    if (isPublic !== true) request.caller = keys.check(request.headers.authorization, isAdmin)
    // Before the body is read: a refusal should cost nothing.
    if (needsEngine === true) {
      if (isOneTooMany) throw new TooManyConnectionsError(options.maxConnections)
      host.checkAdmission(contentLength(request))
      uploads.checkRoom(contentLength(request))
      limitRate(request, reply)
    }
    const encoding = request.headers['content-encoding']
    if (encoding !== undefined && encoding !== 'identity') {
      throw new UnsupportedMediaTypeError('Compressed bodies are not taken; send it without Content-Encoding.')
    }
  })
  app.addHook('onResponse', async (request, reply) => {
    logRequest(request, reply, options)
  })
}

/** From the first byte until the body is read: then the queue has its own bound. */
function followUploads (app: FastifyInstance, uploads: Uploads): void {
  const ends = new WeakMap<FastifyRequest, () => void>()
  app.addHook('preParsing', (request, reply, payload, done) => {
    if (request.routeOptions.config.needsEngine === true) {
      const end = uploads.follow(payload)
      ends.set(request, end)
      giveBackWhenDone(reply.raw, end)
    }
    done(null, payload)
  })
  app.addHook('preHandler', (request, _, done) => {
    ends.get(request)?.()
    done()
  })
}

/**
 * Counts the request against its caller's rate, and its body for what its prompt may have in tokens until they are known.
 *
 * @throws RateLimitError
 */
function limitRate (request: FastifyRequest, reply: FastifyReply): void {
  const { limiter } = request.caller!
  const guessed = estimatedTokens(contentLength(request))
  try {
    limiter.admit(guessed)
    giveBackWhenDone(reply.raw, () => { limiter.spend(-guessed) })
  } finally {
    reply.headers(limiter.headers())
  }
}

function giveBackWhenDone (raw: ServerResponse, giveBack: () => void): void {
  const once = (): void => {
    raw.off('finish', once)
    raw.off('close', once)
    giveBack()
  }
  raw.once('finish', once)
  raw.once('close', once)
}

/** 0 for a body of unknown length. */
function contentLength ({ headers }: FastifyRequest): number {
  const bytes = Number(headers['content-length'] ?? 0)
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : 0
}
