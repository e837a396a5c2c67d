import type { ListeningServer } from '../server/index.js'
import { printLine, type Io } from './io.js'

/**
 * With TLS, SIGHUP reads certificate and key again, and with a file of API keys that file. Without both it ends the
 * process where that has a terminal, which has been closed then; a service's goes on, since whoever reloads it does
 * not want to stop it.
 *
 * @returns a function that gives the signal its usual effect back
 */
export function reloadOnHangup (server: Pick<ListeningServer, 'reloadTls' | 'reloadKeys'>, io: Io, hasTerminal = process.stdin.isTTY): () => void {
  const { reloadTls, reloadKeys } = server
  const hasNothing = reloadTls === undefined && reloadKeys === undefined
  if (hasNothing && hasTerminal) return () => {}
  const onHangup = (): void => {
    if (hasNothing) printLine(io.stderr, 'There is nothing to read again: neither a TLS certificate nor a file of API keys.')
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
