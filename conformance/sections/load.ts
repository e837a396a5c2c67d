import { readFileSync } from 'node:fs'
import { readEvents, streamedText } from '../lib/events.js'
import { closeIdleConnections } from '../lib/http.js'
import { endedStreams, readyAnswer, started } from '../lib/instances.js'
import { readMetrics, settled } from '../lib/metrics.js'
import type { Checks } from '../lib/run.js'
import { storyMessages, type Target } from '../lib/target.js'
import { expect, fail, notApplicable, show } from '../lib/verdict.js'

const chatPath = '/v1/chat/completions'
const fixedMemory = 64 * 2 ** 20
/** Item 117: requests before its first look at the memory. */
const warmUps = 32

export const load: Checks = {
  115: async target => {
    const { aborts, settleMs } = target.sizes
    const socketsBefore = openSockets(target)
    for (let begun = 0; begun < aborts; begun += 50) {
      await Promise.all(Array.from({ length: Math.min(50, aborts - begun) }, async (_, i) => {
        const body = target.chatBody({ stream: i % 2 === 0, n: 1 + i % 3, temperature: 1, max_tokens: 200 })
        await target.send(chatPath, { body, signal: AbortSignal.timeout(1 + i * 2) }).catch(() => {})
      }))
    }
    closeIdleConnections()
    const after = await settled(target, metrics => metrics.active === 0 && (metrics.kvUsage ?? 0) === 0, settleMs)
    if (after?.active === undefined) notApplicable('the server shows no /metrics to see what is left')
    expect(after.active === 0, `${after.active} requests are left of ${aborts} that were aborted`)
    expect((after.kvUsage ?? 0) === 0, `${show(after.kvUsage)} of the KV cache is left in use`)
    closeIdleConnections()
    await new Promise(resolve => setTimeout(resolve, 200))
    const sockets = openSockets(target)
    if (sockets !== undefined) expect(sockets <= socketsBefore! + 4, `${sockets} sockets are open after ${aborts} aborted requests, ${socketsBefore} before`)
    await target.recovers()
  },
  116: async target => {
    const long = { max_tokens: 100, ignore_eos: true }
    const expected = streamedText((await target.chatStream(long)).events)
    const bad: object[] = [
      { response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'string', pattern: '((((' } } } },
      { temperature: 1e308 }, { logit_bias: { 99999999: 100 } }, { logit_bias: { 4294967296: 1 } }, { max_tokens: -1 }, { n: 1e9 }, { seed: 1e300 },
      { tools: [{ type: 'function', function: { name: 'x'.repeat(2 ** 20), parameters: {} } }], tool_choice: 'required' },
      { grammar: 'root ::= (((' }, { structured_outputs: { regex: '(((' } }, { stop_token_ids: [-1] }, { messages: [{ role: 'user', content: '\u0000'.repeat(1000) }] }
    ]
    const streams = Promise.allSettled(Array.from({ length: 3 }, async () => streamedText((await target.chatStream(long)).events)))
    const answers = await Promise.all(bad.map(async fields => ({ fields, answer: await target.chat(fields).catch((error: Error) => error) })))
    const nan = await target.send(chatPath, { body: JSON.stringify(target.chatBody({ temperature: 0.125 })).replace('0.125', 'NaN') })
    const ids = await target.complete({ prompt: [2 ** 31, -5] })
    for (const stream of await streams) {
      if (stream.status === 'rejected') fail(`a stream beside bad requests: ${(stream.reason as Error).message}`)
      expect(stream.value === expected, 'a stream beside bad requests is another than alone')
    }
    for (const { fields, answer } of [...answers, { fields: { temperature: NaN }, answer: nan }, { fields: { prompt: 'ids' }, answer: ids }]) {
      if (answer instanceof Error) fail(`${show(fields)}: ${answer.message}`)
      expect(answer.status < 500 || answer.status === 501, `${show(fields)} got ${answer.status}`)
    }
    await target.recovers()
  },
  117: async target => {
    const { slowReaders, bytesPerReader, settleMs } = target.sizes
    const rss = async (): Promise<number | undefined> => (await readMetrics(target))?.residentBytes
    const aloneMs = await fastReaderMs(target)
    const body = target.chatBody({ stream: true, n: 2, temperature: 1, max_tokens: 200, ignore_eos: true, logprobs: true, top_logprobs: 20 })
    // The first requests touch memory that stays, such as the KV cache's: some at once, whose readers are quick.
    await Promise.allSettled(Array.from({ length: Math.min(slowReaders, warmUps) }, async (_, i) => {
      await target.chatStream({ ...body, messages: [{ role: 'user', content: `${i}: ${storyMessages[0]!.content}` }] })
    }))
    const before = await rss()
    const readers = Array.from({ length: slowReaders }, () => {
      const raw = target.raw()
      raw.write(target.post(body))
      raw.socket.pause()
      // One KiB a second, in the form that Node allows: a short look now and then.
      const timer = setInterval(() => { raw.socket.read(1024) }, 1000)
      return { raw, timer }
    })
    try {
      await settled(target, metrics => metrics.active === 0, settleMs)
      const besideMs = await fastReaderMs(target)
      const after = await rss()
      expect(besideMs < aloneMs * 5 + 2000, `a fast reader takes ${besideMs.toFixed(0)} ms beside ${slowReaders} slow ones, ${aloneMs.toFixed(0)} ms alone`)
      if (before === undefined || after === undefined) notApplicable('the server shows no process_resident_memory_bytes')
      const bound = fixedMemory + slowReaders * bytesPerReader
      expect(after - before < bound, `${slowReaders} slow readers cost ${((after - before) / 2 ** 20).toFixed(0)} MiB`)
    } finally {
      for (const { raw, timer } of readers) {
        clearInterval(timer)
        raw.close()
      }
      await target.recovers()
    }
  },
  118: async target => {
    const { priorityClients, priorityBoundMs } = target.sizes
    let isDone = false
    const controller = new AbortController()
    const high = Array.from({ length: priorityClients }, async () => {
      while (!isDone) {
        const { status } = await target.send(chatPath, { body: target.chatBody({ priority: -10, max_tokens: 60, ignore_eos: true }), signal: controller.signal }).catch(() => ({ status: 0 }))
        if (status !== 200) await new Promise(resolve => setTimeout(resolve, 50))
      }
    })
    await new Promise(resolve => setTimeout(resolve, 300))
    const answer = await target.chat({ priority: 10, max_tokens: 20 }, { timeoutMs: priorityBoundMs }).catch((error: Error) => error)
    isDone = true
    controller.abort()
    await Promise.all(high)
    if (answer instanceof Error) fail(`beside ${priorityClients} clients of high priority, one of low priority got ${answer.message}`)
    expect(answer.status === 200, `a request of low priority got ${answer.status}`)
  },
  119: async target => {
    const { refusal, streams, exit } = await endedStreams(target)
    expect(refusal?.status === 503, `after SIGTERM a new request got ${refusal?.status ?? 'no answer'}`)
    expect(Number(refusal.headers['retry-after']) > 0, `the 503 came with Retry-After ${show(refusal.headers['retry-after'])}`)
    for (const { raw } of streams) {
      const last = readEvents(raw.toString('utf8')).at(-1)
      expect(last?.data === '[DONE]' || last?.json?.error !== undefined, `after SIGTERM a stream ended with ${show(last?.data)}`)
    }
    expect(exit === 0, `the exit code is ${exit}`)
  },
  120: async target => {
    const instance = await started(target)
    try {
      const other = await readyAnswer(instance, target)
      const [text, expected] = [other.json?.choices?.[0]?.message?.content, await target.story()]
      expect(text === expected, `another instance answers ${show(text)}, this one ${show(expected)}`)
    } finally {
      instance.terminate()
      await instance.exited
    }
  }
}

/** How long a stream of 60 tokens takes, the best of three: what else the machine does adds to it. */
async function fastReaderMs (target: Target): Promise<number> {
  const times: number[] = []
  for (let attempt = 0; attempt < 3; attempt++) {
    const began = performance.now()
    await target.chatStream({ messages: storyMessages, max_tokens: 60, ignore_eos: true })
    times.push(performance.now() - began)
  }
  return Math.min(...times)
}

/** Connections to the server on this machine, as Linux counts them; undefined elsewhere. */
function openSockets (target: Target): number | undefined {
  const url = target.url('/')
  if (!['127.0.0.1', 'localhost'].includes(url.hostname)) return undefined
  const port = Number(url.port || 80).toString(16).toUpperCase().padStart(4, '0')
  try {
    return readFileSync('/proc/net/tcp', 'utf8').split('\n').filter(line => new RegExp(`^\\s*\\d+: [0-9A-F]{8}:${port} [0-9A-F:]+ (?:01|08) `).test(line)).length
  } catch {
    return undefined
  }
}
