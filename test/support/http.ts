import { connect, type Socket } from 'node:net'
import type { Test } from 'tap'
import { buildServer, listen, type BuiltServer, type EngineSource, type ListeningServer, type ListenOptions, type ServerOptions } from '../../src/server/index.js'

/** A server of one test, with its engine warmed up; not listening, for `inject`. */
export async function injectable (t: Test, source: EngineSource, options: Partial<ServerOptions> = {}): Promise<BuiltServer> {
  const server = buildServer(source, { logLevel: 'silent', ...options })
  t.teardown(async () => { await server.app.close() })
  await server.host.settled
  return server
}

/** A server of one test on a free port of 127.0.0.1, with its engine warmed up. */
export async function listening (t: Test, source: EngineSource, options: ListenOptions = {}): Promise<ListeningServer> {
  const server = await listen(source, { logLevel: 'silent', port: 0, ...options })
  t.teardown(async () => { await server.close({ timeoutMs: 0 }) })
  await server.host.settled
  return server
}

/** All routes that the router knows: it draws a tree, whose branches are parts of paths. */
export function routesOf (app: { printRoutes (options: object): string }): Array<{ method: string, url: string }> {
  const parents: string[] = []
  return app.printRoutes({ commonPrefix: false }).split('\n').flatMap(line => {
    const [, indent, part, , methods] = /^(.*?)[├└]── (\S*)( \((.+)\))?$/.exec(line) ?? []
    if (indent === undefined) return []
    const depth = indent.length / 4
    // It leaves out the slash before a rest.
    const url = (parents[depth - 1] ?? '') + (part === '*' ? '/*' : part!)
    parents.splice(depth, Infinity, url)
    return methods === undefined ? [] : methods.split(', ').map(method => ({ method, url }))
  })
}

/** Waits until `isTrue`, or fails after two seconds or so. */
export async function eventually (isTrue: () => boolean, what: string, patienceMs = 2000): Promise<void> {
  const deadline = performance.now() + patienceMs
  while (!isTrue()) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${patienceMs} ms`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

/** A client by hand, for what others hide. */
export class RawClient {
  readonly socket: Socket
  received = ''
  isClosed = false

  constructor (port: number) {
    this.socket = connect({ port, host: '127.0.0.1' })
    this.socket.setNoDelay(true)
    this.socket.setEncoding('utf8')
    this.socket.on('data', (text: string) => { this.received += text })
    this.socket.on('close', () => { this.isClosed = true })
    this.socket.on('error', () => {})
  }

  send (text: string): void {
    this.socket.write(text)
  }

  post (path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
    const json = typeof body === 'string' ? body : JSON.stringify(body)
    const lines = Object.entries({ host: 'test', 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(json)), ...headers })
    this.send(`POST ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${json}`)
  }

  /** Waits until `text` has come. */
  async sees (text: string, patienceMs = 2000): Promise<void> {
    await eventually(() => this.received.includes(text), `${JSON.stringify(text)} after ${JSON.stringify(this.received.slice(-300))}`, patienceMs)
  }
}

/** The events of a stream: parsed, and 'DONE' for the last. */
export function eventsOf (body: string): any[] {
  return body.split('\n\n').filter(event => event !== '' && !event.startsWith(':')).map(event => {
    if (!event.startsWith('data: ')) throw new Error(`not an event: ${JSON.stringify(event)}`)
    const data = event.slice('data: '.length)
    return data === '[DONE]' ? 'DONE' : JSON.parse(data)
  })
}

/** Events that have names, as [name, data]. */
export function namedEventsOf (body: string): Array<[string, any]> {
  return body.split('\n\n').filter(event => event !== '' && !event.startsWith(':')).map(event => {
    const match = /^event: (\S+)\ndata: (.*)$/.exec(event)
    if (match === null) throw new Error(`not a named event: ${JSON.stringify(event)}`)
    return [match[1]!, JSON.parse(match[2]!)]
  })
}
