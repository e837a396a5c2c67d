import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { fail } from './verdict.js'

/** A socket by hand, for what HTTP clients hide. */
export class RawConnection {
  readonly socket: Socket
  received = ''
  isClosed = false

  constructor (url: URL) {
    const isTls = url.protocol === 'https:'
    const place = { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || (isTls ? 443 : 80)) }
    this.socket = isTls ? connectTls({ ...place, servername: place.host }) : connect({ ...place, allowHalfOpen: true })
    this.socket.setNoDelay(true)
    this.socket.setEncoding('latin1')
    this.socket.on('data', (text: string) => { this.received += text })
    this.socket.on('end', () => { this.isClosed = true })
    this.socket.on('close', () => { this.isClosed = true })
    this.socket.on('error', () => {})
  }

  write (text: string): void {
    this.socket.write(text, 'latin1')
  }

  /** Waits until `isTrue`; fails with `what` when it does not come, or the connection closes before. */
  async until (isTrue: (received: string) => boolean, what: string, patienceMs = 5000): Promise<void> {
    const deadline = performance.now() + patienceMs
    while (!isTrue(this.received)) {
      if (this.isClosed) fail(`${what}: the server closed the connection`)
      if (performance.now() > deadline) fail(`${what}: not within ${patienceMs / 1000} s`)
      await new Promise(resolve => setTimeout(resolve, 2))
    }
  }

  close (): void {
    this.socket.destroy()
  }
}

export interface RawResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Characters that belong to it; what follows is the next response. */
  readonly length: number
}

/** The first response of what was received, once it is whole; undefined before. Characters are bytes. */
export function readResponse (received: string): RawResponse | undefined {
  const headEnd = received.indexOf('\r\n\r\n')
  if (headEnd < 0) return undefined
  const [statusLine, ...lines] = received.slice(0, headEnd).split('\r\n')
  const headers = Object.fromEntries(lines.map(line => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
  }))
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(statusLine!)?.[1])
  if (headers['transfer-encoding'] === 'chunked') {
    let body = ''
    for (let at = headEnd + 4; ;) {
      const lineEnd = received.indexOf('\r\n', at)
      if (lineEnd < 0) return undefined
      const size = parseInt(received.slice(at, lineEnd), 16)
      const end = lineEnd + 2 + size
      if (received.length < end + 2) return undefined
      if (size === 0) return { status, headers, body, length: end + 2 }
      body += received.slice(lineEnd + 2, end)
      at = end + 2
    }
  }
  const length = headEnd + 4 + Number(headers['content-length'] ?? 0)
  return received.length < length ? undefined : { status, headers, body: received.slice(headEnd + 4, length), length }
}
