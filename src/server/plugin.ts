import type { FastifyInstance } from 'fastify'
import { registerApi } from './api.js'
import { drain } from './drain.js'
import { checkedServerOptions, hostOnly, type ApiOptions } from './options.js'
import type { EngineSource } from './served-engine.js'

export interface MillracePluginOptions extends Omit<ApiOptions, 'logLevel' | 'headersTimeoutMs' | 'requestTimeoutMs' | 'maxConnections'> {
  /** One engine, a registry of several, or one that is still being loaded. It stays the caller's. */
  readonly engine: EngineSource
}

/** What `register` takes for itself. */
type RegisterOptions = Readonly<Record<'prefix' | 'logLevel' | 'logSerializers', unknown>>

/**
 * The API as a part of a Fastify server: `app.register(millracePlugin, { engine, prefix: '/llm' })`. Its errors,
 * parsers, hooks and schemas are its own: routes outside do not see them. Unknown paths under a prefix are answered
 * as OpenAI's API does; without one they are the host's. When the host closes, running answers may finish, up to
 * `drainTimeoutMs`, and end with an error then.
 *
 * @throws InvalidOptionError
 */
export async function millracePlugin (app: FastifyInstance, given: MillracePluginOptions): Promise<void> {
  const { engine, prefix: _prefix, logLevel: _logLevel, logSerializers: _serializers, ...options } = given as MillracePluginOptions & RegisterOptions
  const { drainTimeoutMs, ...apiOptions } = checkedServerOptions(options, hostOnly)
  const api = registerApi(app, engine, apiOptions, { strangers: app.prefix === '' ? 'theirs' : 'ours' })
  // Not awaited: the framework gives its hooks less time than answers may have. It waits for their connections,
  // and for those too that their clients keep open after the answer.
  app.addHook('preClose', async () => {
    void drain(api, drainTimeoutMs).then(() => { app.server.closeIdleConnections() })
  })
}
