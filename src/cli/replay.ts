import { readEvents } from '../client/event-reader.js'
import { InvalidOptionError } from '../core/errors.js'
import { textOf } from '../simulator/prompt-tokens.js'
import type { RequestResult } from '../simulator/request-result.js'
import { summarize } from '../simulator/summary.js'
import { totalOutputTokens, type TraceRequest } from '../simulator/trace-request.js'
import { envValue, type Io } from './io.js'
import { numberFlag } from './option-flags.js'
import { ProgressLine } from './progress-line.js'
import { printRuns } from './simulate.js'
import { readTraceFile, spedUp } from './trace-file.js'

type Flags = Readonly<Record<string, unknown>>

/** `millrace replay`: sends a trace to a server at the trace's times, whether or not it keeps up. */
export async function replayTrace (flags: Flags, io: Io): Promise<void> {
  const target = chosenTarget(flags, io)
  const speed = numberFlag('speed', flags['speed'], 1e-6, 1e6) ?? 1
  const count = numberFlag('requests', flags['requests'], 1, 1e7)
  const trace = spedUp((await readTraceFile(flags['trace'])).slice(0, count), speed)
  const model = target.model ?? await firstModel(target)
  const progress = new ProgressLine(io.stderr)
  const startMs = performance.now()
  let done = 0
  const requests = await Promise.all(trace.map(async (request, index) => {
    await sleep(startMs + request.arrivalMs - performance.now())
    const result = await send({ ...target, model }, request, index, startMs)
    progress.show(`${++done} of ${trace.length} requests`)
    return result
  }))
  const durationMs = performance.now() - startMs
  progress.end()
  await printRuns([{ name: target.url.host, requests, summary: summarize(requests, durationMs) }],
    { title: `${trace.length} requests, sent to ${target.url.host}`, flags, io })
  if (requests.every(({ failure }) => failure !== undefined)) throw new InvalidOptionError('url', `No request was answered by ${target.url.href}.`)
}

interface Target {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly model: string | undefined
  /** Ids of plain tokens are below this. */
  readonly vocabSize: number
  readonly timeoutMs: number
  readonly extra: Readonly<Record<string, unknown>>
  /** Fields that OpenAI's API does not have are sent too. */
  readonly isScheduled: boolean
}

function chosenTarget (flags: Flags, io: Io): Target {
  const { url, model } = flags
  if (typeof url !== 'string' || !URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new InvalidOptionError('url', `--url is ${JSON.stringify(url) ?? 'missing'}; it must be the server's address, such as http://127.0.0.1:8000.`)
  }
  const apiKey = envValue(io, 'MILLRACE_API_KEY')
  const base = new URL(url)
  base.pathname = `${base.pathname.replace(/\/+$/, '').replace(/\/v1$/, '')}/v1/`
  return {
    url: base,
    headers: { 'content-type': 'application/json', ...apiKey !== undefined && { authorization: `Bearer ${apiKey}` } },
    model: typeof model === 'string' ? model : undefined,
    vocabSize: numberFlag('vocabSize', flags['vocabSize'], 2, 2 ** 31) ?? 256,
    timeoutMs: 1000 * (numberFlag('timeoutSec', flags['timeoutSec'], 1, 1e6) ?? 600),
    extra: extraFields(flags['extra']),
    isScheduled: flags['schedulingFields'] !== false
  }
}

function extraFields (flag: unknown): Readonly<Record<string, unknown>> {
  if (typeof flag !== 'string') return { ignore_eos: true }
  try {
    const value: unknown = JSON.parse(flag)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch {}
  throw new InvalidOptionError('extra', `--extra is ${flag}; it must be an object in JSON, such as {"ignore_eos": true}.`)
}

async function firstModel ({ url, headers }: Target): Promise<string> {
  const response = await fetch(new URL('models', url), { headers })
  const body = await response.json().catch(() => undefined) as { data?: Array<{ id?: unknown }> } | undefined
  const id = body?.data?.[0]?.id
  if (typeof id === 'string') return id
  throw new InvalidOptionError('model', `${url.href}models names no model (status ${response.status}); give its name with --model.`)
}

/** One request with all its turns; a failure is a result like any other. */
async function send (target: Target, request: TraceRequest, index: number, startMs: number): Promise<RequestResult> {
  const { promptTokens, outputTokens, tools = [], slo = {} } = request
  const turns = [...tools.map(({ tokens }) => tokens), outputTokens]
  const sentMs = performance.now()
  const usage = { outputTokens: 0, cachedTokens: 0 }
  let ttftMs = NaN
  let endMs = NaN
  let toolMs = 0
  let context = promptTokens
  let failure: string | undefined
  try {
    for (const [turn, tokens] of turns.entries()) {
      const fields = target.isScheduled ? schedulingFields(request, turn, performance.now() - sentMs) : {}
      const answer = await complete(target, promptOf(target, request, index, context), tokens, fields)
      if (turn === 0) {
        ttftMs = answer.firstMs - sentMs
        usage.cachedTokens = answer.cachedTokens
      }
      usage.outputTokens += answer.outputTokens
      endMs = answer.endMs
      const tool = tools[turn]
      if (tool === undefined) continue
      await sleep(tool.durationMs)
      toolMs += tool.durationMs
      context += tokens + tool.resultTokens
    }
  } catch (error) {
    failure = error instanceof Error ? causeOf(error) : String(error)
  }
  return {
    index,
    arrivalMs: sentMs - startMs,
    promptTokens,
    slo,
    failure,
    ttftMs,
    e2eMs: failure === undefined ? endMs - sentMs : NaN,
    // A client sees no queue, and not why a token was late.
    queueMs: NaN,
    preemptions: 0,
    toolMs,
    outputTokens: failure === undefined ? usage.outputTokens : totalOutputTokens(request),
    cachedTokens: usage.cachedTokens
  }
}

/** The most that the server's fields of time take: 24 days. */
const mostMs = 2 ** 31 - 1

/** What the trace says for the scheduler, in the fields of our server. After a tool the first token has been seen, and the deadline comes nearer. */
function schedulingFields ({ slo = {}, priority, sessionId, readingTokensPerSec }: TraceRequest, turn: number, passedMs: number): Record<string, unknown> {
  const ms = (value: number | undefined): number | undefined => value === undefined ? undefined : Math.min(mostMs, value)
  const { ttftMs, tpotMs, deadlineMs } = slo
  const times = {
    ttft_ms: turn === 0 ? ms(ttftMs) : undefined,
    tpot_ms: ms(tpotMs),
    deadline_ms: ms(deadlineMs === undefined || turn === 0 ? deadlineMs : Math.max(1, deadlineMs - passedMs))
  }
  return {
    slo: Object.values(times).some(time => time !== undefined) ? times : undefined,
    priority,
    session_id: sessionId,
    reading_tokens_per_sec: readingTokensPerSec
  }
}

/** fetch says what went wrong in `cause`. */
function causeOf (error: Error): string {
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}

/** Ids from the trace's text where it has one, else such as no other request has. */
function promptOf ({ vocabSize }: Target, request: TraceRequest, index: number, tokens: number): number[] {
  const textAt = textOf(request) ?? textOf({ ...request, sessionId: `request ${index}` })!
  // The first ids are often special tokens.
  const first = Math.min(64, vocabSize >> 1)
  return Array.from({ length: tokens }, (_, position) => first + textAt(position) % (vocabSize - first))
}

interface Answer {
  readonly firstMs: number
  readonly endMs: number
  readonly outputTokens: number
  readonly cachedTokens: number
}

interface CompletionChunk {
  readonly choices?: ReadonlyArray<{ readonly text?: string }>
  readonly usage?: { readonly completion_tokens: number, readonly prompt_tokens_details?: { readonly cached_tokens: number } } | null
  readonly error?: { readonly message?: string }
}

async function complete (
  { url, headers, model, timeoutMs, extra }: Target, prompt: readonly number[], maxTokens: number, fields: Readonly<Record<string, unknown>>
): Promise<Answer> {
  const response = await fetch(new URL('completions', url), {
    method: 'POST',
    headers,
    body: JSON.stringify({ model, prompt, max_tokens: maxTokens, temperature: 0, stream: true, stream_options: { include_usage: true }, ...fields, ...extra }),
    signal: AbortSignal.timeout(timeoutMs)
  })
  if (!response.ok || response.body === null) throw new Error(`status ${response.status}: ${(await response.text()).slice(0, 200)}`)
  let [firstMs, endMs, events, outputTokens, cachedTokens] = [NaN, NaN, 0, 0, 0]
  for await (const data of readEvents(response.body)) {
    if (data === '[DONE]') break
    const chunk = JSON.parse(data) as CompletionChunk
    if (chunk.error !== undefined) throw new Error(chunk.error.message ?? data)
    if ((chunk.choices?.[0]?.text ?? '') !== '') {
      endMs = performance.now()
      if (events++ === 0) firstMs = endMs
    }
    if (chunk.usage == null) continue
    outputTokens = chunk.usage.completion_tokens
    cachedTokens = chunk.usage.prompt_tokens_details?.cached_tokens ?? 0
  }
  if (events === 0) throw new Error('the answer had no text')
  return { firstMs, endMs, outputTokens: outputTokens > 0 ? outputTokens : events, cachedTokens }
}

async function sleep (ms: number): Promise<void> {
  if (ms > 0) await new Promise(resolve => { setTimeout(resolve, ms) })
}
