import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { Instance } from '../../conformance/lib/target.js'
import { ApiError, chat, chatModel, complete, embed, embeddingModel, type FakeRequest, type Reply } from './fake-api.js'
import { contextTokens } from './fake-model.js'
import { respond } from './fake-responses.js'

/** One way in which a server may be wrong. */
export interface Fault {
  /** Changes what comes in, so that the server does not see it. */
  readonly request?: (body: any, path: string) => void
  /** Changes what goes out. */
  readonly reply?: (reply: Reply, path: string, body: any) => void
  /** Changes the text of an error. */
  readonly quirks?: Partial<Quirks>
}

/** What no change of a body or an answer can make wrong. */
export interface Quirks {
  /** Requests over one connection; 0 = any number. */
  readonly maxRequestsPerSocket: number
  readonly readsLargeBodies: boolean
  readonly refusesChunked: boolean
  readonly closesOnBadJson: boolean
  readonly countsNoAborts: boolean
  readonly keepsAborted: boolean
  readonly hasNoQueueLimit: boolean
  readonly neighboursMatter: boolean
  readonly growthBytes: number
  readonly blocksMs: number
  readonly listDelayMs: number
  readonly cutsAtDrain: 'withError' | 'silently' | 'asIfDone' | 'inTheMiddle'
  readonly refusalStatus: number
  readonly exitCode: number
  readonly salt: string
  readonly loadingType: string
  /** Sends a stream's events in one piece. */
  readonly sendsAtOnce: boolean
  readonly preflightNeedsKey: boolean
  readonly staysSilent: (body: any) => boolean
}

const noQuirks: Quirks = {
  maxRequestsPerSocket: 0, readsLargeBodies: false, refusesChunked: false, closesOnBadJson: false, countsNoAborts: false, keepsAborted: false, hasNoQueueLimit: false,
  neighboursMatter: false, growthBytes: 0, blocksMs: 0, listDelayMs: 0, cutsAtDrain: 'withError', refusalStatus: 503, exitCode: 0, salt: '', loadingType: 'unavailable_error',
  sendsAtOnce: false, preflightNeedsKey: false, staysSilent: () => false
}

const bodyLimit = 20 * 2 ** 20
const mostAtOnce = 40
const drainMs = 150
const posts: Readonly<Record<string, (request: FakeRequest) => Reply>> = {
  '/v1/chat/completions': chat, '/v1/completions': complete, '/v1/embeddings': embed, '/v1/responses': respond
}

/** A server that does everything by the book, but for its fault: what the suite is tested with. */
export class FakeServer implements Instance {
  readonly #fault: Fault
  readonly #quirks: Quirks
  readonly #server: Server
  readonly #readyAtMs: number
  readonly exited: Promise<number>
  #exit: (code: number) => void = () => {}
  #active = 0
  #aborted = 0
  #extraBytes = 0
  #isDraining = false
  url = ''

  private constructor (fault: Fault, loadingMs: number) {
    this.#fault = fault
    this.#quirks = { ...noQuirks, ...fault.quirks }
    this.#readyAtMs = performance.now() + loadingMs
    this.exited = new Promise(resolve => { this.#exit = resolve })
    this.#server = createServer({ keepAliveTimeout: 75_000 }, (request, response) => {
      this.#serve(request, response).catch((error: unknown) => { response.destroy(error as Error) })
    })
    this.#server.maxRequestsPerSocket = this.#quirks.maxRequestsPerSocket
    this.#server.on('dropRequest', () => {})
  }

  static async start (fault: Fault = {}, loadingMs = 0): Promise<FakeServer> {
    const fake = new FakeServer(fault, loadingMs)
    await new Promise<void>(resolve => { fake.#server.listen(0, '127.0.0.1', resolve) })
    fake.url = `http://127.0.0.1:${(fake.#server.address() as { port: number }).port}`
    return fake
  }

  /** An orderly end: what runs has a moment, then gets an error. */
  terminate (): void {
    this.#isDraining = true
    setTimeout(() => { this.close() }, drainMs + 400)
  }

  close (): void {
    this.#server.close()
    this.#server.closeAllConnections()
    this.#exit(this.#quirks.exitCode)
  }

  async #serve (request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = decodeURIComponent(request.url!)
    const given = request.headers['x-request-id']
    const headers: Record<string, string> = {
      'x-request-id': typeof given === 'string' ? given : `req_${Math.random()}`, 'access-control-allow-origin': '*', 'content-type': 'application/json'
    }
    let body: any
    let reply: Reply
    let hasStarted = false
    try {
      if (request.method === 'OPTIONS' && !this.#quirks.preflightNeedsKey) {
        response.writeHead(204, { ...headers, 'access-control-allow-methods': 'GET, POST', 'access-control-allow-headers': '*' }).end()
        return
      }
      this.#checkHead(request, path)
      body = request.method === 'POST' ? await this.#readBody(request) : undefined
      this.#fault.request?.(body, path)
      if (this.#quirks.staysSilent(body)) return
      if (request.method === 'POST') {
        this.#active++
        hasStarted = true
        response.once('close', () => { this.#finish(response) })
      }
      reply = await this.#answer(request.method!, path, body)
    } catch (error) {
      const { status, message, type, param, code, headers } = error instanceof ApiError ? error : new ApiError(500, (error as Error).message, null, null, 'server_error')
      reply = { status, headers: { 'x-should-retry': String(status === 429 || status >= 500), ...headers }, json: { error: { message, type, param, code } }, slowTokens: 0 }
    }
    this.#fault.reply?.(reply, path, body)
    if (!hasStarted && reply.status === 413) response.shouldKeepAlive = false
    await this.#send(response, reply, headers)
  }

  #finish (response: ServerResponse): void {
    if (!this.#quirks.keepsAborted) this.#active--
    if (!response.writableFinished && !this.#quirks.countsNoAborts) this.#aborted++
  }

  #checkHead ({ method, headers }: IncomingMessage, path: string): void {
    if (performance.now() < this.#readyAtMs) throw new ApiError(503, 'loading', null, null, this.#quirks.loadingType, { 'retry-after': '1' })
    if (path !== '/health' && headers.authorization !== 'Bearer k') throw new ApiError(401, 'That key is wrong.', null, 'invalid_api_key')
    if (method !== 'POST' && path in posts) throw new ApiError(405, `${path} takes POST.`)
    if (method !== 'POST') return
    if (!/^\/v1\/responses\//.test(path) && !(path in posts)) throw new ApiError(404, `There is no ${path}.`)
    if (headers['content-encoding'] !== undefined || (headers['content-type'] !== 'application/json' && path in posts)) throw new ApiError(415, 'Send JSON.')
    if (headers['transfer-encoding'] !== undefined && this.#quirks.refusesChunked) throw new ApiError(411, 'Send a length.')
    if (Number(headers['content-length']) > bodyLimit && !this.#quirks.readsLargeBodies) throw new ApiError(413, 'Too large.')
    if (this.#isDraining) throw new ApiError(this.#quirks.refusalStatus, 'draining', null, null, 'unavailable_error', { 'retry-after': '5' })
    if (this.#active >= mostAtOnce && !this.#quirks.hasNoQueueLimit) throw new ApiError(429, 'full', null, null, 'rate_limit_error', { 'retry-after': '1', 'retry-after-ms': '900' })
  }

  async #readBody (request: IncomingMessage): Promise<any> {
    const pieces: Buffer[] = []
    for await (const piece of request as AsyncIterable<Buffer>) pieces.push(piece)
    const text = Buffer.concat(pieces)
    const until = performance.now() + (text.length > 2 ** 19 ? this.#quirks.blocksMs : 0)
    while (performance.now() < until);
    if (text.length === 0 && request.url!.startsWith('/v1/responses/')) return {}
    try {
      return JSON.parse(text.toString())
    } catch {
      if (this.#quirks.closesOnBadJson) request.socket.destroy()
      throw new ApiError(400, 'That is no JSON.')
    }
  }

  async #answer (method: string, path: string, body: any): Promise<Reply> {
    const ok = (json: any): Reply => ({ status: 200, headers: {}, json, slowTokens: 0 })
    if (path in posts) {
      const salt = this.#quirks.salt + (this.#quirks.neighboursMatter && this.#active > 1 ? 'crowd' : '')
      return posts[path]!({ path, body, salt })
    }
    if (path.startsWith('/v1/responses/')) throw new ApiError(404, 'There is no such response.')
    if (path === '/health') return ok({ status: 'ok' })
    if (path === '/metrics') return { ...ok(undefined), json: this.#metrics() }
    const models = [chatModel, embeddingModel].map(id => ({
      id, object: 'model', created: 1_700_000_000, owned_by: 'fake', root: id, parent: null, max_model_len: contextTokens, permission: []
    }))
    if (path.startsWith('/v1/models')) await delay(this.#quirks.listDelayMs)
    if (path === '/v1/models') return ok({ object: 'list', data: models })
    const model = models.find(({ id }) => path === `/v1/models/${id}`)
    if (model !== undefined) return ok(model)
    throw new ApiError(404, `There is no ${method} ${path}.`)
  }

  #metrics (): string {
    this.#extraBytes += this.#quirks.growthBytes
    return [
      `vllm:num_requests_running{engine="0"} ${this.#active}`, 'vllm:num_requests_waiting 0', `vllm:kv_cache_usage_perc ${this.#active / 100}`,
      `vllm:request_success_total{finished_reason="abort"} ${this.#aborted}`, 'vllm:request_success_total{finished_reason="stop"} 7',
      `process_resident_memory_bytes ${1e8 + this.#extraBytes}`
    ].join('\n')
  }

  async #send (response: ServerResponse, reply: Reply, headers: Record<string, string>): Promise<void> {
    if (reply.events === undefined) {
      // Waits for nobody that has left.
      if (reply.slowTokens > 0) await Promise.race([delay(reply.slowTokens * 2), new Promise(resolve => response.once('close', resolve))])
      const text = typeof reply.json === 'string' ? reply.json : JSON.stringify(reply.json)
      response.writeHead(reply.status, dropUndefined({ ...headers, 'content-length': String(Buffer.byteLength(text)), ...reply.headers })).end(text)
      return
    }
    response.writeHead(reply.status, dropUndefined({ ...headers, 'content-type': 'text/event-stream', 'cache-control': 'no-cache', 'x-accel-buffering': 'no', ...reply.headers }))
    const lines = reply.events.map(({ name, data, json }) => `${name === undefined ? '' : `event: ${name}\n`}data: ${data ?? JSON.stringify(json)}\n\n`)
    if (this.#quirks.sendsAtOnce) {
      await delay(200)
      response.end(lines.join(''))
      return
    }
    let drainedAtMs = Infinity
    for (const line of lines) {
      if (response.destroyed) return
      response.write(line)
      if (reply.slowTokens > 0) await delay(2)
      if (this.#isDraining) drainedAtMs = Math.min(drainedAtMs, performance.now() + drainMs)
      if (performance.now() > drainedAtMs) {
        this.#endEarly(response)
        return
      }
    }
    response.end()
  }

  #endEarly (response: ServerResponse): void {
    switch (this.#quirks.cutsAtDrain) {
      case 'withError': response.end('data: {"error":{"message":"draining","type":"unavailable_error","param":null,"code":null}}\n\n'); break
      case 'silently': response.end(); break
      case 'asIfDone': response.end('data: {"object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: {"error":{"message":"draining"}}\n\n'); break
      case 'inTheMiddle': response.end('data: {"object":"chat.comp'); break
    }
  }
}

function dropUndefined (headers: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== ''))
}
