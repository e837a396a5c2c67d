import type { AddressInfo } from 'node:net'
import { isLoopback } from './api-key.js'
import { buildServer } from './build-server.js'
import { drain } from './drain.js'
import { ApiKeyRequiredError, ListenError, PortInUseError } from './errors.js'
import type { EngineHost } from './engine-host.js'
import { checkedServerOptions, parseServerOptions, serverOptions, type ApiOptions } from './options.js'
import type { EngineSource } from './served-engine.js'

/** A key is required beyond loopback. */
export interface ListenOptions extends ApiOptions {
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Default 8000; 0 takes any free one. */
  readonly port?: number
  /** Serve beyond loopback without a key. */
  readonly insecureNoApiKey?: boolean
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
  /** Takes no new requests, lets the running ones finish, and closes. The engine stays the caller's. */
  close (options?: CloseOptions): Promise<void>
}

/**
 * Serves an engine over HTTP, also one that is still being loaded.
 *
 * @throws InvalidOptionError, ApiKeyRequiredError, PortInUseError, ListenError
 */
export async function listen (source: EngineSource, options: ListenOptions = {}): Promise<ListeningServer> {
  const { host: _host, port: _port, insecureNoApiKey: _insecure, ...apiOptions } = options
  const { host, port, insecureNoApiKey } = addressOf(options)
  const { drainTimeoutMs, ...checked } = checkedServerOptions(apiOptions)
  if (checked.apiKeys.length === 0 && !insecureNoApiKey && !isLoopback(host)) throw new ApiKeyRequiredError(host)
  const { app, ...api } = buildServer(source, checked)
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
    url: `http://${urlHost(host)}:${address.port}`,
    port: address.port,
    host: api.host,
    async close ({ timeoutMs = drainTimeoutMs } = {}) {
      closing ??= closeOnce(timeoutMs)
      await closing
    }
  }
}

/** Where to listen, and whether without a key. */
function addressOf ({ host, port, insecureNoApiKey }: ListenOptions): { host: string, port: number, insecureNoApiKey: boolean } {
  const defaults = { host: serverOptions.host.default, port: serverOptions.port.default, insecureNoApiKey: serverOptions.insecureNoApiKey.default }
  return { ...defaults, ...parseServerOptions({ host, port, insecureNoApiKey }) }
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
