import type { AddressInfo } from 'node:net'
import type { Server as TlsServer } from 'node:tls'
import { isLoopback } from './api-key.js'
import { buildServer } from './build-server.js'
import { drain } from './drain.js'
import { ApiKeyRequiredError, ListenError, PortInUseError } from './errors.js'
import type { EngineHost } from './engine-host.js'
import { checkedServerOptions, parseServerOptions, serverOptions, type ApiOptions } from './options.js'
import type { EngineSource } from './served-engine.js'
import { readTls, tlsFiles, type TlsFiles } from './tls.js'

/** A key is required beyond loopback. */
export interface ListenOptions extends ApiOptions {
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Default 8000; 0 takes any free one. */
  readonly port?: number
  /** Serve beyond loopback without a key. */
  readonly insecureNoApiKey?: boolean
  /** PEM files; both or none. */
  readonly tlsCert?: string
  readonly tlsKey?: string
  /** Default TLSv1.2. */
  readonly tlsMinVersion?: TlsFiles['minVersion']
}

export interface CloseOptions {
  /** How long running requests may go on; then they end with an error. Default: drainTimeoutMs. */
  readonly timeoutMs?: number
}

export interface ListeningServer {
  /** Such as http://127.0.0.1:8000, without a slash at the end. */
  readonly url: string
  readonly port: number
  readonly host: EngineHost
  /**
   * Reads certificate and key again, for connections from now on. Undefined without TLS.
   *
   * @throws TlsError; those from before stay in use then
   */
  readonly reloadTls: (() => void) | undefined
  /**
   * Reads the file of API keys again. Undefined without one.
   *
   * @throws InvalidOptionError; the keys from before stay in use then
   */
  readonly reloadKeys: (() => void) | undefined
  /** Takes no new requests, lets the running ones finish, and closes. The engine stays the caller's. */
  close (options?: CloseOptions): Promise<void>
}

/**
 * Serves an engine over HTTP, also one that is still being loaded.
 *
 * @throws InvalidOptionError, ApiKeyRequiredError, TlsError, PortInUseError, ListenError
 */
export async function listen (source: EngineSource, options: ListenOptions = {}): Promise<ListeningServer> {
  const { address: { host, port, insecureNoApiKey, tls }, apiOptions } = splitOptions(options)
  const { drainTimeoutMs, ...checked } = checkedServerOptions(apiOptions)
  const isLocalOnly = checked.apiKeys.length === 0 && checked.apiKeyFile === undefined && !insecureNoApiKey
  if (isLocalOnly && !isLoopback(host)) throw new ApiKeyRequiredError(host)
  const { app, ...api } = buildServer(source, checked, { tls: tls === undefined ? undefined : readTls(tls), isLocalOnly })
  try {
    await app.listen({ host, port })
  } catch (error) {
    await app.close()
    throw listenFailure(error as NodeJS.ErrnoException, host, port)
  }
  const address = app.server.address() as AddressInfo
  let closing: Promise<void> | undefined

  async function closeOnce (timeoutMs: number): Promise<void> {
    await drain(api, timeoutMs)
    await app.close()
  }
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${urlHost(host)}:${address.port}`,
    port: address.port,
    host: api.host,
    reloadTls: tls === undefined ? undefined : () => { (app.server as unknown as TlsServer).setSecureContext(readTls(tls)) },
    reloadKeys: checked.apiKeyFile === undefined ? undefined : () => { api.reloadKeys() },
    async close ({ timeoutMs = drainTimeoutMs } = {}) {
      closing ??= closeOnce(timeoutMs)
      await closing
    }
  }
}

interface Address {
  readonly host: string
  readonly port: number
  readonly insecureNoApiKey: boolean
  readonly tls: TlsFiles | undefined
}

/** What `listen` decides by itself, and the rest. */
function splitOptions ({ host, port, insecureNoApiKey, tlsCert, tlsKey, tlsMinVersion, ...apiOptions }: ListenOptions): { address: Address, apiOptions: ApiOptions } {
  const checked = parseServerOptions({ host, port, insecureNoApiKey, tlsCert, tlsKey, tlsMinVersion }) as ListenOptions
  const {
    host: { default: defaultHost }, port: { default: defaultPort }, tlsMinVersion: { default: defaultVersion }
  } = serverOptions
  return {
    address: {
      host: checked.host ?? defaultHost,
      port: checked.port ?? defaultPort,
      insecureNoApiKey: checked.insecureNoApiKey ?? false,
      tls: tlsFiles(checked.tlsCert, checked.tlsKey, checked.tlsMinVersion ?? defaultVersion)
    },
    apiOptions
  }
}

function listenFailure (error: NodeJS.ErrnoException, host: string, port: number): Error {
  switch (error.code) {
    case 'EADDRINUSE': return new PortInUseError(host, port)
    case 'EACCES': return new ListenError(host, port, 'only the administrator may use that port', 'port')
    case 'EADDRNOTAVAIL': return new ListenError(host, port, 'this machine does not have that address', 'host')
    case 'ENOTFOUND':
    case 'EAI_AGAIN': return new ListenError(host, port, 'that name has no address', 'host')
    default: return error
  }
}

/** An address that a client can use: nobody connects to "any". */
function urlHost (host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}
