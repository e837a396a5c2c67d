import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { SocketScript } from './socket-scripts.js'

export interface Played {
  /** Everything that the server said. */
  readonly received: Buffer
  readonly isClosed: boolean
}

/** Plays a script, and waits until the server has closed or has not said anything for `quietMs`, `patienceMs` at most. */
export async function play ({ parts, end }: SocketScript, port: number, { quietMs, patienceMs }: { quietMs: number, patienceMs: number }): Promise<Played> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const received: Buffer[] = []
  let isClosed = false
  let lastNews = performance.now()
  socket.setNoDelay(true)
  socket.on('data', (bytes: Buffer) => {
    received.push(bytes)
    lastNews = performance.now()
  })
  // Half of it is closed: what we could still send would reach nobody.
  socket.on('end', () => { isClosed = true })
  socket.on('close', () => { isClosed = true })
  // The server may cut off whoever talks nonsense, in the middle of it.
  socket.on('error', () => { isClosed = true })
  try {
    for (const { bytes, pauseMs } of parts) {
      if (pauseMs > 0) await delay(pauseMs)
      if (isClosed) break
      await written(socket, bytes)
    }
    if (end === 'destroys') return { received: Buffer.concat(received), isClosed: true }
    if (end === 'halfCloses') socket.end()
    lastNews = performance.now()
    const deadline = lastNews + patienceMs
    while (!isClosed && performance.now() < deadline) {
      if (received.length > 0 && performance.now() - lastNews > quietMs) break
      await delay(10)
    }
    return { received: Buffer.concat(received), isClosed }
  } finally {
    socket.destroy()
  }
}

async function written (socket: Socket, bytes: Buffer): Promise<void> {
  if (socket.destroyed || !socket.writable) return
  await new Promise<void>(resolve => {
    socket.write(bytes, () => { resolve() })
    socket.once('close', resolve)
  })
}
