import type { FastifyInstance } from 'fastify'
import { millraceVersion } from './version.js'
import { UnknownModelError } from '../engine/registry.js'
import { healthAnswer, modelAnswer, modelsAnswer, versionAnswer } from './schemas/answers.js'
import type { ServerContext } from './server-context.js'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answers without an API key. */
    isPublic?: boolean
  }
}

/** Models, health and version: they answer at once, also while the engine is loading. */
export function registerInfo (app: FastifyInstance, context: ServerContext): void {
  const { host } = context
  const created = Math.floor(Date.now() / 1000)
  const modelJson = (id: string): object => ({
    id,
    object: 'model',
    created,
    owned_by: 'millrace',
    root: id,
    parent: null,
    max_model_len: host.maxModelLen(id) ?? null
  })

  app.get('/v1/models', { config: { summary: 'The models that are served.', answer: { json: modelsAnswer } } }, () => ({ object: 'list', data: host.modelNames.map(modelJson) }))

  // A wildcard, since ids such as org/name may come with their slash encoded or not.
  app.get<{ Params: { '*': string } }>('/v1/models/*', { config: { summary: 'One of them.', answer: { json: modelAnswer } } }, request => {
    const id = request.params['*']
    if (!host.modelNames.includes(id)) throw new UnknownModelError(id.slice(0, 200), host.modelNames)
    return modelJson(id)
  })

  app.get('/health', { config: { isPublic: true, summary: 'Whether a token can be produced.', answer: { json: healthAnswer } } }, async () => {
    await host.checkHealth()
    return { status: 'ok' }
  })

  // Clients time this one, so no cache may answer it.
  app.get('/api/version', { config: { isPublic: true, summary: 'The version; the smallest request.', answer: { json: versionAnswer } } }, (_, reply) => reply.header('cache-control', 'no-store').send({ version: millraceVersion }))
  app.get('/version', { config: { summary: 'The version.', answer: { json: versionAnswer } } }, () => ({ version: millraceVersion }))
}
