import Fastify, { LogController, type FastifyInstance } from 'fastify'
import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { SecureContextOptions } from 'node:tls'
import { pino } from 'pino'
import { registerApi, type Api } from './api.js'
import { answerClientError } from './client-error.js'
import { boundConnections } from './connection-bound.js'
import { serverDefaults, type ServerOptions } from './options.js'
import type { EngineSource } from './served-engine.js'

export interface BuiltServer extends Api {
  readonly app: FastifyInstance
}

/** What the address that it will listen on decides. */
export interface Surroundings {
  readonly tls?: SecureContextOptions | undefined
  readonly isLocalOnly?: boolean | undefined
}

/** A server of its own with the whole API for one engine, not listening yet. The engine may still be loading. */
export function buildServer (source: EngineSource, given: Partial<ServerOptions> = {}, { tls, isLocalOnly }: Surroundings = {}): BuiltServer {
  const options: ServerOptions = { ...serverDefaults, ...given }
  const logger = pino({ level: options.logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination(2))
  const { headersTimeoutMs, requestTimeoutMs } = options
  const limits = {
    headersTimeout: Math.min(headersTimeoutMs, requestTimeoutMs),
    maxHeaderSize: 16 * 1024,
    // How late these times may be seen to be over; Node's own 30 s would double them.
    connectionsCheckingInterval: Math.min(5000, headersTimeoutMs, requestTimeoutMs)
  }
  const app = Fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    // Time to receive a request; answers take as long as they take.
    requestTimeout: requestTimeoutMs,
    connectionTimeout: 0,
    // Longer than the idle time of common clients' pools, so that they close first.
    keepAliveTimeout: 75_000,
    ...tls === undefined ? { http: limits } : { https: { ...limits, ...tls } },
    forceCloseConnections: true,
    return503OnClosing: false,
    requestIdHeader: false,
    genReqId: requestId,
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, request, reply) => {
      reply.header('x-request-id', request.id)
      app.errorHandler(error, request, reply)
    }
  }) as unknown as FastifyInstance
  const isExcess = boundConnections(app.server, options.maxConnections, tls === undefined ? 'connection' : 'secureConnection')
  return { app, ...registerApi(app, source, options, { strangers: 'ours', isExcess, isLocalOnly }) }
}

/** The caller's own id when it is fit for a header and a log line; a new one otherwise. */
function requestId (request: IncomingMessage): string {
  const given = request.headers['x-request-id']
  return typeof given === 'string' && /^[\x21-\x7e]{1,128}$/.test(given) ? given : `req_${randomUUID().replaceAll('-', '')}`
}
