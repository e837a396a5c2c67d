import { Agent, request as httpRequest } from 'node:http'
import { percentile } from '../lib/statistics.js'

export interface FirstBytes {
  /** From sending to the first byte of the answer, less the time that the engine says it took to its first token. */
  readonly medianMs: number
  readonly p99Ms: number
  readonly engineTtftMedianMs: number
  /** A request to the same server that needs no engine, between those: what client, system and HTTP library take. */
  readonly roundTripMedianMs: number
}

export async function measureFirstBytes (port: number, requests: number): Promise<FirstBytes> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const added: number[] = []
  const ttfts: number[] = []
  const roundTrips: number[] = []
  for (let i = 0; i < requests; i++) {
    const { firstMs, ttftMs } = await firstByte(agent, port, i)
    added.push(firstMs - ttftMs)
    ttfts.push(ttftMs)
    roundTrips.push(await roundTrip(agent, port))
  }
  agent.destroy()
  return { medianMs: percentile(added, 50), p99Ms: percentile(added, 99), engineTtftMedianMs: percentile(ttfts, 50), roundTripMedianMs: percentile(roundTrips, 50) }
}

async function firstByte (agent: Agent, port: number, i: number): Promise<{ firstMs: number, ttftMs: number }> {
  const body = JSON.stringify({
    model: 'bench', messages: [{ role: 'user', content: `${i}: what is a token?` }], max_tokens: 4, temperature: 0, ignore_eos: true, stream: true, include_timings: true
  })
  return await new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const startMs = performance.now()
    let firstMs = NaN
    let text = ''
    httpRequest({ port, path: '/v1/chat/completions', method: 'POST', agent, headers }, response => {
      response.on('data', (part: Buffer) => {
        if (Number.isNaN(firstMs)) firstMs = performance.now() - startMs
        text += part.toString()
      })
      response.on('error', reject)
      response.on('end', () => {
        const ttftMs = Number(/"ttft_ms":([\d.]+)/.exec(text)?.[1])
        if (Number.isNaN(ttftMs)) reject(new Error(`no time to the first token in: ${text.slice(-300)}`))
        else resolve({ firstMs, ttftMs })
      })
    }).on('error', reject).end(body)
  })
}

async function roundTrip (agent: Agent, port: number): Promise<number> {
  const startMs = performance.now()
  return await new Promise((resolve, reject) => {
    httpRequest({ port, path: '/api/version', agent }, response => {
      let firstMs = NaN
      response.once('data', () => { firstMs = performance.now() - startMs })
      response.on('data', () => {})
      response.on('error', reject)
      response.on('end', () => { resolve(firstMs) })
    }).on('error', reject).end()
  })
}
