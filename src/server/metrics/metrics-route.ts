import type { FastifyInstance } from 'fastify'
import { Registry } from 'prom-client'
import type { ServerContext } from '../server-context.js'
import { collect, type ScrapedEngine } from './engine-collector.js'
import { countHttp, httpMetrics } from './http-metrics.js'
import { millraceMetrics } from './millrace-metrics.js'
import { collectProcess } from './process-metrics.js'
import { countRequests, requestMetrics } from './request-metrics.js'
import { vllmMetrics } from './vllm-metrics.js'

/** GET /metrics, in the text format of Prometheus. */
export function registerMetrics (app: FastifyInstance, { host }: ServerContext): void {
  const registry = new Registry()
  let scraped: readonly ScrapedEngine[] = []
  for (const metric of [...vllmMetrics, ...millraceMetrics]) collect(registry, metric, () => scraped)
  countRequests(app, requestMetrics(registry, () => scraped.map(({ modelName }) => modelName)))
  countHttp(app, httpMetrics(registry))
  collectProcess(registry)

  app.get('/metrics', { config: { summary: 'Numbers for Prometheus.' } }, async (_, reply) => {
    scraped = host.measuredEngines()
    // Every metric is read before this returns its promise: all are of one moment, whoever else asks.
    const text = registry.metrics()
    scraped = []
    return reply.header('cache-control', 'no-store').type(registry.contentType).send(await text)
  })
}
