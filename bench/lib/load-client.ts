// A closed loop of streamed completions over HTTP: so many at once, each followed by the next when it ends.
// Works on every server with OpenAI's /v1/completions that takes token ids.
import { Agent, request as httpRequest } from 'node:http'
import { percentile } from './statistics.js'

export interface LoadOptions {
  readonly port: number
  readonly concurrency: number
  readonly requests: number
  readonly outputTokens: number
  /** A new prompt each time. */
  readonly prompt: () => readonly number[]
  /** Fields that this server alone knows. */
  readonly extra?: Readonly<Record<string, unknown>>
}

/** What one request saw. */
export interface Stream {
  readonly startMs: number
  /** When each piece of text came. */
  readonly arrivalsMs: readonly number[]
  readonly outputTokens: number
}

export interface LoadRun {
  readonly outputTokensPerSec: number
  readonly ttftP50Ms: number
  readonly ttftP95Ms: number
  readonly ttftP99Ms: number
  readonly itlP50Ms: number
  readonly itlP95Ms: number
  readonly itlP99Ms: number
  readonly itlMaxMs: number
  readonly failed: number
  /** Requests that had to be sent again since the server had closed a kept connection. */
  readonly reconnects: number
}

export async function runLoad (options: LoadOptions): Promise<LoadRun> {
  const agent = new Agent({ keepAlive: true, maxSockets: options.concurrency })
  const streams: Stream[] = []
  const errors: unknown[] = []
  let sent = 0
  let reconnects = 0
  const worker = async () => {
    while (sent < options.requests) {
      sent++
      const body = JSON.stringify({
        model: 'bench', prompt: options.prompt(), max_tokens: options.outputTokens, temperature: 0, stream: true, ignore_eos: true,
        stream_options: { include_usage: true }, ...options.extra
      })
      await streamOnce(agent, options.port, body).catch((error: unknown) => {
        if ((error as { code?: string }).code !== 'ECONNRESET') throw error
        reconnects++
        return streamOnce(false, options.port, body)
      }).then(stream => { streams.push(stream) }, (error: unknown) => { errors.push(error) })
    }
  }
  await Promise.all(Array.from({ length: options.concurrency }, worker))
  agent.destroy()
  if (streams.length === 0) throw errors[0]
  for (const message of new Set(errors.map(String))) console.error(`  a request failed: ${message}`)
  return { ...summarize(streams), failed: errors.length, reconnects }
}

/** Rates and percentiles of all requests together. */
export function summarize (streams: readonly Stream[]): Omit<LoadRun, 'failed' | 'reconnects'> {
  const ttfts = streams.map(({ startMs, arrivalsMs }) => arrivalsMs[0]! - startMs)
  const itls = streams.flatMap(({ arrivalsMs }) => arrivalsMs.slice(1).map((ms, i) => ms - arrivalsMs[i]!))
  const startMs = Math.min(...streams.map(stream => stream.startMs))
  const endMs = Math.max(...streams.map(({ arrivalsMs }) => arrivalsMs.at(-1)!))
  const tokens = streams.reduce((sum, { outputTokens }) => sum + outputTokens, 0)
  return {
    outputTokensPerSec: tokens / (endMs - startMs) * 1000,
    ttftP50Ms: percentile(ttfts, 50),
    ttftP95Ms: percentile(ttfts, 95),
    ttftP99Ms: percentile(ttfts, 99),
    itlP50Ms: percentile(itls, 50),
    itlP95Ms: percentile(itls, 95),
    itlP99Ms: percentile(itls, 99),
    itlMaxMs: percentile(itls, 100)
  }
}

interface CompletionChunk {
  readonly choices?: ReadonlyArray<{ readonly text?: string }>
  readonly usage?: { readonly completion_tokens: number } | null
  readonly error?: unknown
}

/** `false`: over a connection of its own. */
async function streamOnce (agent: Agent | false, port: number, body: string): Promise<Stream> {
  return await new Promise((resolve, reject) => {
    const startMs = performance.now()
    const arrivalsMs: number[] = []
    let usedTokens = 0
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const request = httpRequest({ host: '127.0.0.1', port, path: '/v1/completions', method: 'POST', agent, headers }, response => {
      const onEvent = (data: string) => {
        if (data === '[DONE]') return
        const chunk = JSON.parse(data) as CompletionChunk
        if (chunk.error !== undefined) reject(new Error(data.slice(0, 300)))
        if ((chunk.choices?.[0]?.text ?? '') !== '') arrivalsMs.push(performance.now())
        usedTokens = chunk.usage?.completion_tokens ?? usedTokens
      }
      const lines = lineReader(line => { if (line.startsWith('data: ')) onEvent(line.slice(6).trim()) })
      let refusal = ''
      response.on('data', (part: Buffer) => { if (response.statusCode === 200) lines(part); else refusal += part.toString() })
      response.on('error', reject)
      response.on('end', () => {
        if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}: ${refusal.slice(0, 300)}`))
        else if (arrivalsMs.length === 0) reject(new Error('the stream had no text'))
        else resolve({ startMs, arrivalsMs, outputTokens: usedTokens > 0 ? usedTokens : arrivalsMs.length })
      })
    })
    request.on('error', reject)
    request.end(body)
  })
}

/** Calls back for each whole line. */
export function lineReader (onLine: (line: string) => void): (part: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  return part => {
    rest = rest.length > 0 ? Buffer.concat([rest, part]) : part
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      onLine(rest.toString('utf8', 0, end))
      rest = rest.subarray(end + 1)
    }
  }
}
