import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { InvalidOptionError } from '../core/errors.js'
import { TlsError } from './errors.js'

export interface TlsFiles {
  /** PEM, the server's own certificate first. */
  readonly cert: string
  /** PEM, without a passphrase. */
  readonly key: string
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3'
}

/** @throws InvalidOptionError when one of the two files is missing among the options */
export function tlsFiles (cert: string | undefined, key: string | undefined, minVersion: TlsFiles['minVersion']): TlsFiles | undefined {
  if (cert !== undefined && key !== undefined) return { cert, key, minVersion }
  if (cert === undefined && key === undefined) return undefined
  const [given, missing] = cert === undefined ? ['tlsKey', 'tlsCert'] : ['tlsCert', 'tlsKey']
  throw new InvalidOptionError(missing, `${given} is given without ${missing}; TLS needs both (--tls-cert, --tls-key).`)
}

/** @throws TlsError that names the file at fault */
export function readTls ({ cert, key, minVersion }: TlsFiles): SecureContextOptions {
  const certPem = read('certificate', cert)
  const keyPem = read('key', key)
  const certificate = parsed('certificate', cert, () => new X509Certificate(certPem))
  const privateKey = parsed('key', key, () => privateKeyOf(keyPem))
  if (!certificate.checkPrivateKey(privateKey)) throw new TlsError(`The key ${key} does not belong to the certificate ${cert}.`, 'tlsKey')
  const context = { cert: certPem, key: keyPem, minVersion }
  // What the library refuses beyond that, such as keys that are too short.
  parsed('certificate', cert, () => createSecureContext(context))
  return context
}

function privateKeyOf (pem: Buffer): KeyObject {
  if (pem.includes('ENCRYPTED')) throw new Error('it has a passphrase; give one without')
  return createPrivateKey(pem)
}

type Kind = 'certificate' | 'key'

const optionOf = { certificate: 'tlsCert', key: 'tlsKey' } as const

function read (kind: Kind, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException
    const reason = { ENOENT: 'there is no such file', EACCES: 'this user may not read it', EISDIR: 'it is a folder' }[code] ?? code
    throw new TlsError(`The TLS ${kind} ${path} cannot be read: ${reason}.`, optionOf[kind])
  }
}

function parsed<T> (kind: Kind, path: string, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    throw new TlsError(`The TLS ${kind} ${path} cannot be used: ${(error as Error).message}. It must be in PEM format.`, optionOf[kind])
  }
}
