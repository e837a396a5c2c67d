import { createHash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import { InvalidApiKeyError } from './errors.js'

/** The keys that may use a server; none given = everybody may. */
export class ApiKeys {
  readonly #digests: readonly Buffer[]

  constructor (keys: readonly string[]) {
    this.#digests = keys.map(digest)
  }

  get isRequired (): boolean {
    return this.#digests.length > 0
  }

  /**
   * Checks an Authorization header. Takes the same time for every key of a length, right or wrong.
   *
   * @throws InvalidApiKeyError
   */
  check (authorization: string | undefined): void {
    if (!this.isRequired) return
    const key = /^Bearer +(\S.*)$/i.exec(authorization ?? '')?.[1]?.trimEnd()
    if (key === undefined) throw new InvalidApiKeyError('missing')
    const given = digest(key)
    let matches = 0
    for (const known of this.#digests) matches += Number(timingSafeEqual(given, known))
    if (matches === 0) throw new InvalidApiKeyError('wrong')
  }
}

/** Keys from a comma-separated list; empty parts are dropped. */
export function parseApiKeys (list: string | undefined): string[] {
  return (list ?? '').split(',').map(key => key.trim()).filter(key => key !== '')
}

/** Whether only programs of this machine can reach the address. */
export function isLoopback (host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase()
  if (bare === 'localhost' || bare.endsWith('.localhost')) return true
  return isIP(bare) === 4 ? bare.startsWith('127.') : bare === '::1' || /^::ffff:127\./.test(bare)
}

/** Digests have one length, which timingSafeEqual needs and which hides the keys' lengths. */
function digest (key: string): Buffer {
  return createHash('sha256').update(key).digest()
}
