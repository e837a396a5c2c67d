import type { FastifyReply } from 'fastify'
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { drained, isFull, writePart } from './chunk-writer.js'

export interface EventStreamOptions {
  /** A comment is sent after this long without an event. */
  readonly pingIntervalMs: number
  /** The connection is cut when its client takes nothing for this long. */
  readonly stalledClientMs: number
  /** Written right after the headers: what every stream of this kind begins with. */
  readonly opening: () => string
}

/**
 * Server-sent events on one response. The headers go out with the first event, so that an error
 * before it can still have a status of its own, or with the first ping.
 */
export class EventStream {
  readonly #reply: FastifyReply
  readonly #raw: ServerResponse
  readonly #options: EventStreamOptions
  readonly #pings: NodeJS.Timeout
  #isOpen = false
  #isEnded = false
  #isQuiet = true

  constructor (reply: FastifyReply, options: EventStreamOptions) {
    this.#reply = reply
    this.#raw = reply.raw
    this.#options = options
    this.#pings = setInterval(() => { this.#ping() }, options.pingIntervalMs)
  }

  /** Headers are sent: errors are events from here on. */
  get isOpen (): boolean {
    return this.#isOpen
  }

  /** Nothing can be sent any more. */
  get isClosed (): boolean {
    return this.#isEnded || this.#raw.destroyed || this.#raw.closed
  }

  /**
   * Sends whole events, each ended by an empty line.
   *
   * @returns a promise to wait for before the next one when the client reads too slowly
   */
  send (events: string): Promise<void> | undefined {
    if (this.isClosed) return undefined
    this.#isQuiet = false
    return this.#write(events) ? undefined : this.#drained()
  }

  /** The last events; the connection stays usable. */
  end (events: string): void {
    this.#finish(events, () => {})
  }

  /** An error after the headers: its events are the last, and the connection closes. */
  fail (events: string): void {
    const { socket } = this.#raw
    this.#finish(events, () => { socket?.end() })
  }

  /** No more pings. */
  stop (): void {
    clearInterval(this.#pings)
  }

  #open (): string {
    this.#isOpen = true
    this.#reply.hijack()
    this.#raw.writeHead(200, {
      ...this.#reply.getHeaders() as OutgoingHttpHeaders,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      'x-accel-buffering': 'no'
    })
    return this.#options.opening()
  }

  #finish (events: string, onFinish: () => void): void {
    this.stop()
    if (this.isClosed) return
    this.#isEnded = true
    const raw = this.#raw
    raw.end((this.#isOpen ? '' : this.#open()) + events, onFinish)
    // Its client may never take them.
    const stalled = setTimeout(() => { raw.destroy() }, this.#options.stalledClientMs)
    raw.once('close', () => { clearTimeout(stalled) })
  }

  /** False when the connection has more to send than it should. */
  #write (events: string): boolean {
    return this.#isOpen ? writePart(this.#raw, events) : this.#raw.write(this.#open() + events)
  }

  async #drained (): Promise<void> {
    const stalled = setTimeout(() => { this.#raw.destroy() }, this.#options.stalledClientMs)
    await drained(this.#raw)
    clearTimeout(stalled)
  }

  #ping (): void {
    if (this.#isQuiet && !this.isClosed && !isFull(this.#raw)) {
      this.#write(': ping\n\n')
    }
    this.#isQuiet = true
  }
}
