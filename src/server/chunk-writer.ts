import type { ServerResponse } from 'node:http'
import { Socket } from 'node:net'

const lineEnd = '\r\n'

/**
 * Writes the parts of a response but the first, with which its headers go out. `response.write` hands every part to the system as four
 * pieces, which costs as much again as sending it; streams of tokens are all small parts, so here a part is one
 * piece, in the form of HTTP/1.1's chunked coding (RFC 9112, section 7.1). Where the response is not coded so, not
 * yet on its connection, because an earlier one of it is not over, or on none at all, `response.write` does it.
 *
 * @returns false when the connection has more to send than it should: wait for `drained`
 */
export function writePart (response: ServerResponse, text: string): boolean {
  const { socket } = response
  if (!(socket instanceof Socket) || !response.chunkedEncoding || response.writableLength > socket.writableLength) return response.write(text)
  const bytes = Buffer.byteLength(text)
  return socket.write(bytes.toString(16) + lineEnd + text + lineEnd, bytes === text.length ? 'latin1' : 'utf8')
}

/** It is better to wait than to write. */
export function isFull (response: ServerResponse): boolean {
  return response.writableNeedDrain || response.socket?.writableNeedDrain === true
}

/** When the response can take more, or is over. */
export async function drained (response: ServerResponse): Promise<void> {
  const { socket } = response
  await new Promise<void>(resolve => {
    const done = (): void => {
      response.off('drain', done)
      response.off('close', done)
      socket?.off('drain', done)
      resolve()
    }
    response.on('drain', done)
    response.on('close', done)
    socket?.on('drain', done)
  })
}
