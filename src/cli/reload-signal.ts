import type { ListeningServer } from '../server/index.js'
import { printLine, type Io } from './io.js'

/**
 * With TLS, SIGHUP reads certificate and key again; without, it ends the process as usual.
 *
 * @returns a function that gives the signal its usual effect back
 */
export function reloadOnHangup (server: ListeningServer, io: Io): () => void {
  const { reloadTls } = server
  if (reloadTls === undefined) return () => {}
  const onHangup = (): void => {
    try {
      reloadTls()
      printLine(io.stderr, 'TLS certificate and key were read again; new connections use them.')
    } catch (error) {
      printLine(io.stderr, `${(error as Error).message} The certificate from before stays in use.`)
    }
  }
  process.on('SIGHUP', onHangup)
  return () => { process.off('SIGHUP', onHangup) }
}
