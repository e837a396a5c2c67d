import OpenAI from 'openai'
import { exchange, send, type Answer, type SendOptions, type Streamed } from './http.js'
import { readEvents, type ServerEvent } from './events.js'
import { RawConnection } from './raw-connection.js'
import { okBody } from './answers.js'
import { fail, show } from './verdict.js'
import type { Sizes } from './sizes.js'

/** A server that the suite has started itself, and may end. */
export interface Instance {
  readonly url: string
  /** Sends SIGTERM. */
  terminate (): void
  /** The exit code, or the signal that ended it. */
  readonly exited: Promise<number | string>
}

export interface TargetOptions {
  readonly baseUrl: string
  readonly apiKey?: string | undefined
  /** Missing = the first one that the server lists. */
  readonly model?: string | undefined
  readonly embeddingModel?: string | undefined
  /** Missing = as the server tells it. */
  readonly contextTokens?: number | undefined
  readonly sizes: Sizes
  /** Starts an instance like the server that is tested; it may still be loading. */
  readonly start?: (() => Promise<Instance>) | undefined
}

export interface Stream extends Streamed {
  readonly events: readonly ServerEvent[]
}

export const storyMessages = [{ role: 'user', content: 'Tell me a long story about a mill by the river.' }]

/** The server that is tested, and the requests that many items make. */
export class Target {
  readonly options: TargetOptions
  readonly model: string
  readonly contextTokens: number | undefined
  readonly #cache = new Map<string, Promise<unknown>>()

  constructor (options: TargetOptions, model: string, contextTokens: number | undefined) {
    this.options = options
    this.model = model
    this.contextTokens = contextTokens
  }

  /** Asks for what the options leave open. */
  static async find (options: TargetOptions): Promise<Target> {
    const listed = await new Target(options, '', undefined).send('/v1/models').catch(() => undefined)
    const models: any[] = Array.isArray(listed?.json?.data) ? listed.json.data : []
    const entry = models.find(model => model.id === options.model) ?? models[0]
    const model = options.model ?? entry?.id
    if (typeof model !== 'string') throw new Error('The server lists no model; name one with --model.')
    return new Target(options, model, options.contextTokens ?? entry?.max_model_len ?? entry?.meta?.n_ctx ?? undefined)
  }

  get sizes (): Sizes {
    return this.options.sizes
  }

  url (path: string): URL {
    return new URL(this.options.baseUrl.replace(/\/+$/, '').replace(/\/v1$/, '') + path)
  }

  get authorization (): Record<string, string> {
    return this.options.apiKey === undefined ? {} : { authorization: `Bearer ${this.options.apiKey}` }
  }

  async send (path: string, options: SendOptions = {}): Promise<Answer> {
    return await send(this.url(path), { ...options, headers: { ...this.authorization, ...options.headers } })
  }

  async stream (path: string, body: object, options: SendOptions = {}): Promise<Stream> {
    const streamed = await exchange(this.url(path), { ...options, body: { ...body, stream: true }, headers: { ...this.authorization, ...options.headers } })
    if (streamed.status !== 200) fail(`a stream was asked for, and ${streamed.status} came: ${show(streamed.raw.toString())}`)
    return { ...streamed, events: readEvents(streamed.raw.toString('utf8')) }
  }

  raw (): RawConnection {
    return new RawConnection(this.url('/'))
  }

  /** The head of a request by hand, without its last blank line. */
  head (method: string, path: string, headers: Readonly<Record<string, string | number>> = {}): string {
    const url = this.url(path)
    const all = { host: url.host, ...this.authorization, ...headers }
    return `${method} ${url.pathname} HTTP/1.1\r\n${Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`).join('')}`
  }

  openai (): OpenAI {
    return new OpenAI({ baseURL: this.url('/v1').href, apiKey: this.options.apiKey ?? 'none', maxRetries: 0 })
  }

  /** A chat request whose answer does not depend on chance. */
  chatBody (fields: object = {}): Record<string, unknown> {
    return { model: this.model, messages: storyMessages, temperature: 0, seed: 1, max_tokens: 24, ...fields }
  }

  completionBody (fields: object = {}): Record<string, unknown> {
    return { model: this.model, prompt: 'The old mill stood by the', temperature: 0, seed: 1, max_tokens: 8, ...fields }
  }

  async chat (fields: object = {}, options: SendOptions = {}): Promise<Answer> {
    return await this.send('/v1/chat/completions', { body: this.chatBody(fields), ...options })
  }

  async complete (fields: object = {}): Promise<Answer> {
    return await this.send('/v1/completions', { body: this.completionBody(fields) })
  }

  /** The body of a chat answer; fails with `what` when there is none. */
  async chatOk (fields: object = {}, what = 'a plain request'): Promise<any> {
    return okBody(await this.chat(fields), what)
  }

  async completeOk (fields: object = {}, what = 'a plain request'): Promise<any> {
    return okBody(await this.complete(fields), what)
  }

  async chatStream (fields: object = {}, options: SendOptions = {}): Promise<Stream> {
    return await this.stream('/v1/chat/completions', this.chatBody(fields), options)
  }

  /** The text of the greedy answer that many items compare with. */
  async story (fields: object = {}): Promise<string> {
    const body = await this.once(`story ${JSON.stringify(fields)}`, async () => await this.chatOk(fields))
    const text: unknown = body.choices?.[0]?.message?.content
    if (typeof text !== 'string' || text === '') fail('a plain request has no content')
    return text
  }

  /** The greedy stream that several items look at. */
  async storyStream (fields: object = {}): Promise<Stream> {
    return await this.once(`stream ${JSON.stringify(fields)}`, async () => await this.chatStream(fields))
  }

  /** A whole POST by hand. */
  post (body: object, path = '/v1/chat/completions'): string {
    const json = Buffer.from(JSON.stringify(body)).toString('latin1')
    return `${this.head('POST', path, { 'content-type': 'application/json', 'content-length': json.length })}\r\n${json}`
  }

  /** Waits until the server answers a small request; fails when it does not. */
  async recovers (): Promise<void> {
    for (let attempt = 0; attempt < 60; attempt++) {
      const answer = await this.chat({ max_tokens: 1 }, { timeoutMs: 30_000 }).catch(() => undefined)
      if (answer?.status === 200) return
      await new Promise(resolve => setTimeout(resolve, 500))
    }
    fail('the server does not answer any more')
  }

  /** What `make` made the first time. */
  async once<T> (name: string, make: () => Promise<T>): Promise<T> {
    if (!this.#cache.has(name)) this.#cache.set(name, make())
    return await this.#cache.get(name) as T
  }
}
