import { once } from 'node:events'
import { Agent, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { Engine } from '../../../src/engine/engine.js'
import { buildServer, type ServerOptions } from '../../../src/server/index.js'
import { eventually } from '../http.js'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

export interface Outgoing {
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer | undefined
}

/** What takes longer hangs, also on a busy machine; a sanitized addon takes its time. */
export const patienceMs = process.env['MILLRACE_SANITIZED'] === '1' ? 120_000 : 60_000

/** A server with a small real model, to be fuzzed; and what must be true of it afterwards. */
export class FuzzServer {
  readonly port: number
  readonly model: string
  readonly #engine: Engine
  readonly #built: ReturnType<typeof buildServer>
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 16 })

  private constructor (engine: Engine, built: ReturnType<typeof buildServer>) {
    this.#engine = engine
    this.#built = built
    this.model = engine.modelName
    this.port = (built.app.server.address() as AddressInfo).port
  }

  /** Closed at the end of the test. A sequence gets the same tokens in any company. */
  static async start (t: Test, modelFolder: string, options: Partial<ServerOptions> = {}): Promise<FuzzServer> {
    const engine = await Engine.load(modelFolder, { deterministic: true, threads: 1, maxNumSeqs: 8, kvCacheMemory: '8MiB' })
    const built = buildServer(engine, { logLevel: 'silent', ...options })
    t.teardown(async () => {
      server.#agent.destroy()
      await built.app.close()
      await engine.close()
    })
    await built.app.listen({ port: 0, host: '127.0.0.1' })
    await built.host.settled
    const server = new FuzzServer(engine, built)
    return server
  }

  /** @throws when no answer has come in time, or none that is HTTP */
  async send ({ method, path, headers = {}, body }: Outgoing): Promise<Answer> {
    const outgoing = httpRequest({
      agent: this.#agent, port: this.port, host: '127.0.0.1', method, path, signal: AbortSignal.timeout(patienceMs),
      headers: { ...headers, ...body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) } }
    })
    outgoing.end(body)
    const [response] = await once(outgoing, 'response')
    const parts: Buffer[] = []
    for await (const part of response) parts.push(part as Buffer)
    return { status: response.statusCode, headers: response.headers, body: Buffer.concat(parts).toString() }
  }

  async document (): Promise<any> {
    return JSON.parse((await this.send({ method: 'GET', path: '/openapi.json' })).body)
  }

  /** Runs `work` while a client asks the same thing again and again, and gets the same answer every time. */
  async withBystander (t: Test, work: () => Promise<void>): Promise<void> {
    const expected = await this.#bystanderText()
    let isOver = false
    let asked = 0
    const bystander = (async () => {
      const others = new Set<string>()
      do {
        others.add(await this.#bystanderText())
        asked++
        await new Promise(resolve => setTimeout(resolve, 10))
      } while (!isOver)
      return [...others]
    })()
    // Its failure is looked at when the work is over.
    bystander.catch(() => {})
    try {
      await work()
    } finally {
      isOver = true
    }
    t.same(await bystander, [expected], `a bystander had the same answer ${asked} times`)
  }

  /** Everything that a request takes has been given back. */
  async isEmpty (t: Test): Promise<void> {
    this.#agent.destroy()
    const connections = async (): Promise<number> => await new Promise((resolve, reject) => {
      this.#built.app.server.getConnections((error, count) => {
        if (error == null) resolve(count)
        else reject(error)
      })
    })
    let sockets = await connections()
    await eventually(() => {
      void connections().then(count => { sockets = count })
      const { requests, kv } = this.#engine.stats()
      return sockets === 0 && requests === 0 && kv.usedBlocks === 0 && this.#built.requests.count === 0
    }, 'no socket, request or block is left', patienceMs).catch(() => {})
    const { requests, waitingSequences, runningSequences, kv } = this.#engine.stats()
    t.same({ sockets, requests, waitingSequences, runningSequences, active: this.#built.requests.count, usedBlocks: kv.usedBlocks },
      { sockets: 0, requests: 0, waitingSequences: 0, runningSequences: 0, active: 0, usedBlocks: 0 }, 'nothing is left of it')
    t.equal(kv.freeBlocks + kv.cachedBlocks, kv.totalBlocks, 'every block is there')
  }

  async #bystanderText (): Promise<string> {
    const body = JSON.stringify({ model: this.model, prompt: 'the mill ', max_tokens: 12, temperature: 0, ignore_eos: true, cache_salt: 'bystander' })
    const answer = await this.send({ method: 'POST', path: '/v1/completions', headers: { 'content-type': 'application/json' }, body })
    return answer.status === 200 ? JSON.parse(answer.body).choices[0].text as string : answer.body
  }
}
