import type { FastifyInstance } from 'fastify'
import { Counter, Histogram, Summary, type Registry } from 'prom-client'

/** Asked for by machines, at their own pace. */
const uncounted = ['/metrics', '/health', '/version', '/api/version']

export interface HttpMetrics {
  readonly requests: Counter
  readonly duration: Histogram
  readonly preciseDuration: Histogram
  readonly requestBytes: Summary
  readonly responseBytes: Summary
}

/** The names, labels and ranges that Python servers commonly have. */
export function httpMetrics (registry: Registry): HttpMetrics {
  const registers = [registry]
  const size = (name: string, help: string): Summary => new Summary({ name, help, labelNames: ['handler'], percentiles: [], registers })
  return {
    requests: new Counter({
      name: 'http_requests_total', help: 'HTTP requests by method, class of status (2xx) and route.', labelNames: ['method', 'status', 'handler'], registers
    }),
    duration: new Histogram({
      name: 'http_request_duration_seconds', help: 'Time of an HTTP request, by method and route.', labelNames: ['method', 'handler'], buckets: [0.1, 0.5, 1], registers
    }),
    preciseDuration: new Histogram({
      name: 'http_request_duration_highr_seconds',
      help: 'Time of an HTTP request, in finer ranges.',
      buckets: [0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 7.5, 10, 30, 60],
      registers
    }),
    requestBytes: size('http_request_size_bytes', 'Length of requests\' bodies, as their headers state it.'),
    responseBytes: size('http_response_size_bytes', 'Length of answers\' bodies, as their headers state it; streams state none.')
  }
}

/** Once for each HTTP request, when its answer has gone out or its client has left. */
export function countHttp (app: FastifyInstance, metrics: HttpMetrics): void {
  app.addHook('onResponse', async (request, reply) => {
    const handler = request.routeOptions.url ?? 'none'
    if (uncounted.includes(handler.slice(app.prefix.length))) return
    const { method } = request
    const seconds = reply.elapsedTime / 1000
    metrics.requests.inc({ method, status: `${Math.floor(reply.raw.statusCode / 100)}xx`, handler })
    metrics.duration.observe({ method, handler }, seconds)
    metrics.preciseDuration.observe(seconds)
    metrics.requestBytes.observe({ handler }, bytesOf(request.headers['content-length']))
    metrics.responseBytes.observe({ handler }, bytesOf(reply.raw.getHeader('content-length')))
  })
}

function bytesOf (header: number | string | readonly string[] | undefined): number {
  const bytes = Number(header ?? 0)
  return Number.isSafeInteger(bytes) && bytes >= 0 ? bytes : 0
}
