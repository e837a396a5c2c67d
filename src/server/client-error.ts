import { randomUUID } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { HeadersTooLargeError, MalformedRequestError, RequestTimeoutError, type MillraceError } from './errors.js'
import { answerTo } from './openai-error.js'

/** For the answer to arrive: destroyed at once, a connection with unread bytes is reset, and the answer lost. */
const farewellMs = 1000

/** Answers bytes that are no HTTP request, on the socket itself, and closes it. */
export function answerClientError (error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy()
    return
  }
  const { status, headers, body } = answerTo(errorFor(error.code), 0)
  const json = JSON.stringify(body)
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(json)}`,
    `X-Request-Id: req_${randomUUID().replaceAll('-', '')}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    'Connection: close'
  ]
  socket.end(`${lines.join('\r\n')}\r\n\r\n${json}`)
  // Nobody watches the connection any more: one whose client does not close its side would stay for ever.
  setTimeout(() => { socket.destroy() }, farewellMs).unref()
}

function errorFor (code: string | undefined): MillraceError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW': return new HeadersTooLargeError()
    case 'ERR_HTTP_REQUEST_TIMEOUT': return new RequestTimeoutError()
    default: return new MalformedRequestError('The request is not valid HTTP.')
  }
}
