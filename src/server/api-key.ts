import { createHash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import { InvalidApiKeyError } from './errors.js'
import { RateLimiter, type RateLimits } from './rate-limit.js'

/** A key as its owner gives it. */
export interface ApiKey {
  readonly key: string
  /** Whose it is, for the log. */
  readonly name?: string | undefined
  /** In place of those that hold for every key. */
  readonly limits?: RateLimits | undefined
}

/** Whoever sent a request. */
export interface Caller {
  readonly name: string | undefined
  /** Tells keys apart without being one. Undefined where no key is needed. */
  readonly tenant: string | undefined
  readonly limiter: RateLimiter
}

export interface ApiKeysOptions {
  /** Opens everything, without limits. */
  readonly adminKey?: string | undefined
  /** Of each key that has none of its own; where no key is needed, of all callers together. */
  readonly limits?: RateLimits | undefined
}

interface KnownKey {
  readonly digest: Buffer
  readonly limits: RateLimits
  readonly caller: Caller
}

/** The keys that may use a server; none given = everybody may. */
export class ApiKeys {
  readonly #options: ApiKeysOptions
  readonly #admin: KnownKey | undefined
  readonly #anybody: Caller
  #known: readonly KnownKey[] = []

  constructor (keys: ReadonlyArray<string | ApiKey>, options: ApiKeysOptions = {}) {
    this.#options = options
    this.#admin = options.adminKey === undefined ? undefined : knownKey({ key: options.adminKey, name: 'admin' }, {})
    this.#anybody = { name: undefined, tenant: undefined, limiter: new RateLimiter(options.limits ?? {}) }
    this.replace(keys)
  }

  get isRequired (): boolean {
    return this.#known.length > 0
  }

  /** Other keys from now on. One that stays, with its limits, keeps what it has spent. */
  replace (keys: ReadonlyArray<string | ApiKey>): void {
    const before = this.#known
    this.#known = keys.map(given => {
      const next = knownKey(typeof given === 'string' ? { key: given } : given, this.#options.limits ?? {})
      const old = before.find(({ digest }) => digest.equals(next.digest))
      if (old === undefined || old.limits.requests !== next.limits.requests || old.limits.tokens !== next.limits.tokens) return next
      return { ...next, caller: { ...next.caller, limiter: old.caller.limiter } }
    })
  }

  /**
   * Checks an Authorization header. Takes the same time for every key of a length, right or wrong.
   *
   * @throws InvalidApiKeyError
   */
  check (authorization: string | undefined, needsAdmin = false): Caller {
    if (!this.isRequired && !needsAdmin) return this.#anybody
    const key = /^Bearer +(\S.*)$/i.exec(authorization ?? '')?.[1]?.trimEnd()
    if (key === undefined) throw new InvalidApiKeyError(needsAdmin ? 'notAdmin' : 'missing')
    const given = digest(key)
    let caller: Caller | undefined
    for (const known of needsAdmin ? [] : this.#known) if (timingSafeEqual(given, known.digest)) caller = known.caller
    if (this.#admin !== undefined && timingSafeEqual(given, this.#admin.digest)) caller = this.#admin.caller
    if (caller === undefined) throw new InvalidApiKeyError(needsAdmin ? 'notAdmin' : 'wrong')
    return caller
  }
}

function knownKey ({ key, name, limits: own = {} }: ApiKey, shared: RateLimits): KnownKey {
  const limits = { requests: own.requests ?? shared.requests, tokens: own.tokens ?? shared.tokens }
  const keyDigest = digest(key)
  return { digest: keyDigest, limits, caller: { name, tenant: keyDigest.toString('base64url'), limiter: new RateLimiter(limits) } }
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

/** Names that nobody can register, so that no page of the web can have them; and addresses, which nobody can lead elsewhere. */
const privateName = /^[^.]+$|\.(localhost|local|internal|home\.arpa)$/

/** Whether a Host header is an address, or a name that has a meaning within a machine or a house only. */
export function isPrivateName (host: string): boolean {
  const name = host.replace(/:\d*$/, '').replace(/^\[|\]$/g, '').replace(/\.$/, '').toLowerCase()
  return isIP(name) !== 0 || isIP(host) !== 0 || privateName.test(name)
}

/** Digests have one length, which timingSafeEqual needs and which hides the keys' lengths. */
function digest (key: string): Buffer {
  return createHash('sha256').update(key).digest()
}
