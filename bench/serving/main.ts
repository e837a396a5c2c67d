// What streaming over HTTP costs: processor time of the thread that runs JavaScript for each streamed token, with and
// without HTTP, the delay of its event loop, and the time that HTTP adds to the first token.
//
//   npm run bench:serving -- --json bench/results/serving.json
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { Command } from 'commander'
import { busyCores, describeMachine } from '../lib/machine.js'
import { median, medians } from '../lib/statistics.js'
import { table } from '../lib/table.js'
import { measureFirstBytes } from './first-byte.js'
import { questionOf, type Cost, type FromChild, type ToChild } from './messages.js'

interface Options {
  model: string
  streams: string
  seconds: string
  repeats: string
  firstBytes: string
  json?: string
}

const options = new Command()
  .description('Measures what streaming over HTTP costs the thread that runs JavaScript.')
  .option('--model <path>', 'folder or GGUF file', 'models/millrace-demo')
  .option('--streams <list>', 'streams at once', '1,16,64,256')
  .option('--seconds <n>', 'of each measurement', '4')
  .option('--repeats <n>', 'of each measurement, in turns; the median counts', '3')
  .option('--first-bytes <n>', 'requests whose first byte is timed', '200')
  .option('--json <file>', 'write the figures there too')
  .parse().opts<Options>()

const streamCounts = options.streams.split(',').map(Number)
const seconds = Number(options.seconds)
const otherLoad = await busyCores(1000)

class Child {
  readonly #process: ChildProcess
  port = 0
  maxModelLen = 0

  constructor () {
    const file = fileURLToPath(new URL('server-child.ts', import.meta.url))
    this.#process = fork(file, [options.model, String(Math.max(...streamCounts))], { execArgv: ['--import', 'tsx'] })
    this.#process.on('exit', code => { if (code !== 0) { console.error(`the server ended with ${code}`); process.exit(1) } })
  }

  async ready (): Promise<void> {
    const message = await this.#next()
    if (message.type !== 'ready') throw new Error('the server said something else')
    this.port = message.port
    this.maxModelLen = message.maxModelLen
  }

  async costs (message: ToChild): Promise<Cost> {
    this.tell(message)
    const answer = await this.#next()
    if (answer.type !== 'cost') throw new Error('the server said something else')
    return answer.cost
  }

  tell (message: ToChild): void {
    this.#process.send(message)
  }

  async #next (): Promise<FromChild> {
    const [message] = await once(this.#process, 'message') as [FromChild]
    return message
  }
}

/** More than a stream gets while it is measured, and few enough that the KV cache holds all of them. */
function tokensOf ({ maxModelLen }: Child, streams: number): number {
  return Math.min(maxModelLen - 128, Math.ceil(seconds * 60_000 / streams))
}

/** So many streams that run all the while, over HTTP. */
async function measureServer (child: Child, streams: number): Promise<Cost> {
  const agent = new Agent({ maxSockets: streams })
  const body = (i: number): string => JSON.stringify({
    model: 'bench', messages: questionOf(i), max_tokens: tokensOf(child, streams), temperature: 0, ignore_eos: true, stream: true
  })
  const requests = await Promise.all(Array.from({ length: streams }, async (_, i) => {
    const request = httpRequest({ port: child.port, path: '/v1/chat/completions', method: 'POST', agent, headers: { 'content-type': 'application/json' } })
    request.on('error', () => {})
    request.end(body(i))
    const [response] = await once(request, 'response') as [IncomingMessage]
    if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`)
    response.on('error', () => {})
    response.resume()
    return request
  }))
  child.tell({ type: 'mark' })
  await sleep(seconds * 1000)
  const cost = await child.costs({ type: 'cost' })
  for (const request of requests) request.destroy()
  agent.destroy()
  await sleep(300)
  return cost
}

const child = new Child()
await child.ready()
await child.costs({ type: 'engine', streams: Math.max(...streamCounts), seconds: 1, tokens: 500 })
await measureServer(child, Math.max(...streamCounts))

const rows: Array<{ streams: number, server: Cost, engine: Cost, httpUsPerToken: number }> = []
for (const streams of streamCounts) {
  const server: Cost[] = []
  const engine: Cost[] = []
  for (let i = 0; i < Number(options.repeats); i++) {
    server.push(await measureServer(child, streams))
    engine.push(await child.costs({ type: 'engine', streams, seconds, tokens: tokensOf(child, streams) }))
  }
  const httpUsPerToken = median(server.map((cost, i) => cost.cpuUsPerToken - engine[i]!.cpuUsPerToken))
  rows.push({ streams, server: medians(server), engine: medians(engine), httpUsPerToken })
  console.error(`${streams} streams: ${rows.at(-1)!.server.cpuUsPerToken.toFixed(1)} us a token, of which HTTP ${httpUsPerToken.toFixed(1)}`)
}
const firstByte = await measureFirstBytes(child.port, Number(options.firstBytes))
child.tell({ type: 'stop' })

const report = { machine: describeMachine(), otherLoad, command: `npm run bench:serving -- ${process.argv.slice(2).join(' ')}`.trim(), model: options.model, seconds, rows, firstByte }
console.log(table(
  ['streams', 'tokens/s', 'step ms', 'us/token', 'of it HTTP', 'loop p50 ms', 'loop p99 ms', 'loop max ms', 'without HTTP: tokens/s', 'loop p99 ms'],
  rows.map(({ streams, server, engine, httpUsPerToken }) => [
    String(streams), server.tokensPerSec, server.stepMs, server.cpuUsPerToken, httpUsPerToken, server.loopDelayP50Ms, server.loopDelayP99Ms, server.loopDelayMaxMs,
    engine.tokensPerSec, engine.loopDelayP99Ms
  ])))
console.log(`first byte after the engine's first token: median ${firstByte.medianMs.toFixed(2)} ms, p99 ${firstByte.p99Ms.toFixed(2)} ms (${options.firstBytes} requests, one at a time); ` +
  `GET /api/version between them: ${firstByte.roundTripMedianMs.toFixed(2)} ms`)
if (options.json !== undefined) writeFileSync(options.json, JSON.stringify(report, null, 2) + '\n')
