import type { Caller } from './api-key.js'

/** Fields by which requests find what earlier ones left. */
interface SharedState {
  cache_salt?: string | undefined
  session_id?: string | undefined
}

/**
 * Requests of different keys neither find each other's sessions, nor each other's prompts in the prefix cache: by
 * `cached_tokens`, or by its time, a request would tell whether somebody else has sent a text that begins like it.
 */
export function separateTenants (body: SharedState, { tenant }: Pick<Caller, 'tenant'>, sharesPrefixes: boolean): void {
  if (tenant === undefined) return
  if (body.session_id !== undefined) body.session_id = JSON.stringify([tenant, body.session_id])
  if (!sharesPrefixes) body.cache_salt = JSON.stringify([tenant, body.cache_salt ?? ''])
}
