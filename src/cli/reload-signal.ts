import type { ListeningServer } from '../server/index.js'
import { printLine, type Io } from './io.js'

/**
 * With TLS, SIGHUP reads certificate and key again, and with a file of API keys that file; without both, it ends
 * the process as usual.
 *
 * @returns a function that gives the signal its usual effect back
 */
export function reloadOnHangup (server: Pick<ListeningServer, 'reloadTls' | 'reloadKeys'>, io: Io): () => void {
  const { reloadTls, reloadKeys } = server
  if (reloadTls === undefined && reloadKeys === undefined) return () => {}
  const onHangup = (): void => {
    reload(io, reloadTls, 'TLS certificate and key were read again; new connections use them.', 'The certificate from before stays in use.')
    reload(io, reloadKeys, 'The API keys were read again.', 'The keys from before stay in use.')
  }
  process.on('SIGHUP', onHangup)
  return () => { process.off('SIGHUP', onHangup) }
}

function reload (io: Io, read: (() => void) | undefined, done: string, kept: string): void {
  if (read === undefined) return
  try {
    read()
    printLine(io.stderr, done)
  } catch (error) {
    printLine(io.stderr, `${(error as Error).message} ${kept}`)
  }
}
