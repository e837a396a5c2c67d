import type { FastifyInstance } from 'fastify'
import { InvalidOptionError } from '../core/errors.js'

/** What programs in a browser may read beside the body. */
const exposed = ['x-request-id', 'retry-after', 'retry-after-ms', 'x-should-retry', 'x-millrace-ignored-fields',
  ...['requests', 'tokens'].flatMap(what => [`x-ratelimit-limit-${what}`, `x-ratelimit-remaining-${what}`, `x-ratelimit-reset-${what}`])].join(', ')
const preflightSec = 600

/**
 * Lets pages of these origins use the API. Before the check of the key: a browser sends none with its preflight, and shows
 * its page no error without these headers. The common plug-in registers later than that.
 *
 * @param origins such as `https://chat.example.org`; `*` = any
 */
export function addCors (app: FastifyInstance, origins: readonly string[]): void {
  const isAny = origins.includes('*')
  app.addHook('onRequest', async (request, reply) => {
    const { origin } = request.headers
    if (!isAny) reply.header('vary', 'Origin')
    if (origin === undefined || !(isAny || origins.includes(origin))) return
    reply.header('access-control-allow-origin', isAny ? '*' : origin)
    if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) {
      reply.header('access-control-expose-headers', exposed)
      return
    }
    const asked = request.headers['access-control-request-headers'] ?? ''
    reply.code(204).headers({
      'x-request-id': request.id,
      'access-control-allow-methods': 'GET, POST, DELETE',
      // A star would not include Authorization.
      'access-control-allow-headers': /^[\w-]+(, ?[\w-]+){0,99}$/.test(asked) ? asked : 'authorization, content-type',
      'access-control-max-age': String(preflightSec)
    })
    return await reply.send()
  })
}

/** @throws InvalidOptionError for what is no origin */
export function parseOrigins (list: string | readonly string[] = []): readonly string[] {
  const origins = (typeof list === 'string' ? list.split(',') : list).map(origin => origin.trim()).filter(origin => origin !== '')
  for (const origin of origins) {
    const isOrigin = URL.canParse(origin) && new URL(origin).origin === origin && !origin.includes('*')
    if (origin !== '*' && !isOrigin) {
      throw new InvalidOptionError('corsOrigin', `corsOrigin has ${JSON.stringify(origin)}; an origin is such as https://chat.example.org, without a path, and * is any (--cors-origin).`)
    }
  }
  return origins
}
