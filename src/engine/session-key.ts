import { createHash } from 'node:crypto'

/** As it is written out, up to here; longer ones are hashed, so that a name of a client's takes no memory of its choice. */
const longestPlainKey = 128

/** What a session is known by: tenants do not share sessions, as they do not share prefixes. */
export function sessionKey (cacheSalt: string | undefined, sessionId: string): string {
  const key = JSON.stringify([cacheSalt ?? '', sessionId])
  return key.length <= longestPlainKey ? key : createHash('sha256').update(key).digest('base64url')
}
