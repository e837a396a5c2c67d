import type { EventEmitter } from 'node:events'
import type { Server, Socket } from 'node:net'

/** How far beyond the bound connections are still accepted, so that they can be told. */
const spareRatio = 1 / 8

/**
 * Bounds a server's connections. What comes beyond the bound is accepted to be answered 503, and what comes beyond
 * that is closed at once.
 *
 * @param event - of a connection that is ready for requests: with TLS, after its handshake
 * @returns whether a connection is one too many
 */
export function boundConnections (server: Server, maxConnections: number, event: 'connection' | 'secureConnection'): (socket: Socket) => boolean {
  const excess = new WeakSet<Socket>()
  let count = 0
  server.maxConnections = maxConnections + Math.max(1, Math.ceil(maxConnections * spareRatio))
  const emitter: EventEmitter = server
  emitter.on(event, (socket: Socket) => {
    count++
    if (count > maxConnections) excess.add(socket)
    socket.once('close', () => { count-- })
  })
  return socket => excess.has(socket)
}
