import type { FastifyInstance } from 'fastify'
import type { ServerContext } from './server-context.js'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answers the admin key only. */
    isAdmin?: boolean
  }
}

/** What only whoever runs the server may do. Without an admin key there are none of them. */
export function registerAdmin (app: FastifyInstance, { host, requests, reloadKeys }: ServerContext): void {
  // Out of the load balancer's rotation some time before SIGTERM: new requests get 503, running ones go on.
  app.post('/admin/drain', { config: { isAdmin: true, summary: 'Takes no new requests from now on.' } }, () => {
    host.drain()
    return { status: 'draining', active_requests: requests.count }
  })
  app.post('/admin/clear-prefix-cache', { config: { isAdmin: true, summary: 'Forgets cached prefixes that no request uses.' } }, () => {
    host.clearPrefixCaches()
    return { status: 'ok' }
  })
  app.post('/admin/reload-keys', { config: { isAdmin: true, summary: 'Reads the file of keys again.' } }, () => {
    reloadKeys()
    return { status: 'ok' }
  })
}
