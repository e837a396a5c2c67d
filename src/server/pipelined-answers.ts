import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

const waiting = new WeakMap<Socket, Set<ServerResponse>>()

/**
 * A request that came before the one ahead of it on its connection was answered has no socket for its answer yet, and
 * Node does not tell such answers that the connection has closed. Nobody would learn that the client has left: what
 * the request holds would never be given back.
 */
export function closeWithConnection (answer: ServerResponse, socket: Socket): void {
  if (answer.socket !== null) return
  let answers = waiting.get(socket)
  if (answers === undefined) {
    waiting.set(socket, answers = new Set())
    const all = answers
    socket.once('close', () => { for (const one of all) closeUnsent(one) })
  }
  answers.add(answer)
  // Its turn has come: from here on Node does it.
  answer.once('socket', () => { answers.delete(answer) })
  if (socket.destroyed) closeUnsent(answer)
}

function closeUnsent (answer: ServerResponse): void {
  if (answer.destroyed) return
  answer.destroy()
  answer.emit('close')
}
