import { setMaxListeners } from 'node:events'
import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { Agent as TlsAgent, request as httpsRequest } from 'node:https'
import { fail } from './verdict.js'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** Undefined when the body is not JSON. */
  readonly json: any
  /** From sending to the last byte. */
  readonly ms: number
}

/** An answer that comes in pieces. */
export interface Streamed {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly raw: Buffer
  /** When pieces came, in ms since the request, and how many bytes had come with them. */
  readonly arrivals: ReadonlyArray<{ readonly ms: number, readonly bytes: number }>
  readonly headersMs: number
  /** The connection broke before the body's end. */
  readonly isCut: boolean
}

export interface SendOptions {
  readonly method?: string
  /** Sent as it is when text or bytes, else as JSON. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
  readonly signal?: AbortSignal | undefined
  /** Called with each piece; what it returns is waited for before the next is read. */
  readonly onPiece?: (text: string) => Promise<void> | undefined
}

const agents = { 'http:': new Agent({ keepAlive: true }), 'https:': new TlsAgent({ keepAlive: true }) }

/** Connections that wait for another request would keep a server from closing. */
export function closeIdleConnections (): void {
  for (const agent of Object.values(agents)) agent.destroy()
}

/** Sends a request and collects its answer. Fails when nothing, or not everything, comes in time. */
export async function exchange (url: URL, options: SendOptions = {}): Promise<Streamed> {
  const { body, timeoutMs = 60_000, signal } = options
  const payload = body === undefined || typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body)
  const method = options.method ?? (payload === undefined ? 'GET' : 'POST')
  const headers: Record<string, string> = payload === undefined
    ? {}
    : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(payload)) }
  const what = `${method} ${url.pathname}`
  const began = performance.now()
  const isTls = url.protocol === 'https:'
  // One signal may end hundreds of requests.
  if (signal !== undefined) setMaxListeners(0, signal)
  return await new Promise<Streamed>((resolve, reject) => {
    const request = (isTls ? httpsRequest : httpRequest)(url, {
      method,
      agent: isTls ? agents['https:'] : agents['http:'],
      headers: { ...headers, ...options.headers },
      ...(signal === undefined ? {} : { signal })
    })
    const timer = setTimeout(() => { request.destroy(new Error(`no whole answer within ${timeoutMs / 1000} s`)) }, timeoutMs)
    request.on('error', error => {
      clearTimeout(timer)
      // A server may close an idle connection in the moment in which it is used again: item 18 judges when.
      if (request.reusedSocket && signal?.aborted !== true && (error as NodeJS.ErrnoException).code === 'ECONNRESET') resolve(exchange(url, options))
      else reject(new Error(`${what}: ${error.message}`))
    })
    request.on('response', response => {
      const headersMs = performance.now() - began
      readPieces(response, began, options.onPiece).then(read => {
        clearTimeout(timer)
        const isGivenUp = read.isCut && (signal?.aborted === true || performance.now() - began >= timeoutMs)
        if (isGivenUp) reject(new Error(`${what}: given up in the middle of the answer`))
        else resolve({ status: response.statusCode!, headers: response.headers, headersMs, ...read })
      }, reject)
    })
    request.end(payload)
  })
}

async function readPieces (response: AsyncIterable<Buffer>, began: number, onPiece: SendOptions['onPiece']): Promise<Pick<Streamed, 'raw' | 'arrivals' | 'isCut'>> {
  const pieces: Buffer[] = []
  const arrivals: Array<{ ms: number, bytes: number }> = []
  let bytes = 0
  let isCut = false
  try {
    for await (const piece of response) {
      pieces.push(piece)
      bytes += piece.length
      arrivals.push({ ms: performance.now() - began, bytes })
      await onPiece?.(piece.toString('latin1'))
    }
  } catch {
    isCut = true
  }
  return { raw: Buffer.concat(pieces), arrivals, isCut }
}

export async function send (url: URL, options: SendOptions = {}): Promise<Answer> {
  const { status, headers, raw, arrivals, headersMs, isCut } = await exchange(url, options)
  if (isCut) fail(`${url.pathname}: the connection broke in the middle of the answer`)
  const text = raw.toString('utf8')
  return { status, headers, text, json: tryJson(text), ms: arrivals.at(-1)?.ms ?? headersMs }
}

export function tryJson (text: string): any {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
