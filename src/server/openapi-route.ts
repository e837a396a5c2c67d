import type { FastifyInstance } from 'fastify'
import { openApiDocument } from './openapi.js'
import type { RouteTable } from './route-table.js'

/** GET /openapi.json: all routes of the table, made when it is asked for first. */
export function registerOpenApi (app: FastifyInstance, routes: RouteTable): void {
  let document: string | undefined
  app.get('/openapi.json', { config: { summary: 'This description.' } }, (_, reply) => {
    document ??= JSON.stringify(openApiDocument(routes.all, app.prefix))
    return reply.type('application/json; charset=utf-8').serializer(String).send(document)
  })
}
