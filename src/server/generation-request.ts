import type { FastifyReply, FastifyRequest } from 'fastify'
import { randomUUID } from 'node:crypto'
import type { FinishReason, Generation, GenerationChunk, GenerationResult, Usage } from '../engine/api.js'
import type { ActiveRequest } from './active-requests.js'
import { clientGivesUpMs } from './client-timeout.js'
import { ClientTimeoutError, drainingError, GenerationFailedError, type MillraceError } from './errors.js'
import { EventStream } from './event-stream.js'
import { answerTo, type OpenAiErrorBody } from './openai-error.js'
import { noteResults } from './noted-results.js'
import type { ServerContext } from './server-context.js'
import { traceOf } from './trace-context.js'

/** What all objects of one answer share. */
export interface AnswerHead {
  readonly id: string
  /** Seconds since 1970. */
  readonly created: number
  /** As the request spells it. */
  readonly model: string
}

export function answerHead (prefix: 'chatcmpl' | 'cmpl' | 'embd' | 'resp', model: string): AnswerHead {
  return { id: `${prefix}-${randomUUID().replaceAll('-', '')}`, created: Math.floor(Date.now() / 1000), model }
}

/**
 * An entry among the active requests, until its answer has gone out in full. It is aborted when the
 * client leaves before that, and when its time is over before the answer begins: then nobody listens any
 * more, though something in between may keep the connection open. What streams is taken, so it goes on.
 */
export function startRequest (context: ServerContext, reply: FastifyReply): ActiveRequest {
  const { raw } = reply
  const patienceMs = clientGivesUpMs(reply.request.headers['x-stainless-timeout'])
  const giveUpMs = patienceMs === undefined ? undefined : Math.max(1, patienceMs - reply.elapsedTime)
  const active = context.requests.start(giveUpMs, tokens => reply.request.caller?.limiter.spend(tokens))
  const givingUp = giveUpMs === undefined ? undefined : setTimeout(() => {
    if (!raw.headersSent) active.abort('clientGaveUp')
  }, giveUpMs)
  const onClose = (): void => {
    if (!raw.writableFinished) active.abort('clientLeft')
    onFinish()
  }
  const onFinish = (): void => {
    clearTimeout(givingUp)
    active.finish()
  }
  raw.once('finish', onFinish)
  raw.once('close', onClose)
  // The client may have left while its body was read.
  if (raw.destroyed || raw.closed) onClose()
  return active
}

/**
 * Waits for whole answers.
 *
 * @returns undefined when the client left meanwhile: there is nobody to answer
 * @throws what the engine refused or failed with; the other generations are aborted then
 */
export async function finishAll (
  request: FastifyRequest, active: ActiveRequest, generations: readonly Generation[]
): Promise<GenerationResult[] | undefined> {
  countTokens(active, generations)
  try {
    const results = await Promise.all(generations.map(async generation => await generation.result()))
    noteResults(request, results)
    if (active.abortReason === 'clientLeft') return undefined
    for (const { choices } of results) {
      for (const { finishReason } of choices) checkEnd(finishReason, active)
    }
    return results
  } catch (error) {
    for (const generation of generations) generation.abort()
    if (active.abortReason === 'clientLeft') return undefined
    throw error
  }
}

/** What the stream of a chat or a completion ends with. */
export const streamEnd = 'data: [DONE]\n\n'

/** How one endpoint writes its events. All methods return whole events. */
export interface EventFormat {
  /** First thing after the headers. */
  opening (): string
  /** Empty when the client gets nothing of it. @param generation - which of the request's generations the chunk is of */
  chunk (chunk: GenerationChunk, generation: number): string
  /** The end of a stream that has gone well. */
  closing (results: readonly GenerationResult[]): string
  /** The end of a stream that failed after its headers; chats and completions have one form for it. */
  failure? (error: OpenAiErrorBody): string
}

export interface StreamRequest {
  readonly context: ServerContext
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly active: ActiveRequest
  readonly generations: readonly Generation[]
  readonly format: EventFormat
}

/**
 * Streams generations as they come, interleaved.
 *
 * @throws errors from before the first event; later ones become an event
 */
export async function streamAll (stream: StreamRequest): Promise<void> {
  const { context, reply, active, generations, format } = stream
  const events = new EventStream(reply, {
    pingIntervalMs: context.options.pingIntervalMs,
    stalledClientMs: context.options.stalledClientMs,
    opening: () => format.opening()
  })
  countTokens(active, generations)
  try {
    await Promise.all(generations.map(async generation => { await generation.accepted }))
    await Promise.all(generations.map(async (generation, i) => {
      for await (const chunk of generation) {
        if (events.isClosed) return
        if (chunk.finishReason === 'error' || chunk.finishReason === 'abort') {
          await generation.result()
          checkEnd(chunk.finishReason, active)
        }
        const text = format.chunk(chunk, i)
        if (text === '') continue
        const drained = events.send(text)
        if (drained !== undefined) await drained
      }
    }))
    const results = await Promise.all(generations.map(async generation => await generation.result()))
    noteResults(stream.request, results)
    if (events.isClosed) {
      if (!events.isOpen) reply.hijack()
      return
    }
    events.end(format.closing(results))
  } catch (error) {
    for (const generation of generations) generation.abort()
    if (active.abortReason === 'clientLeft') {
      if (!events.isOpen) reply.hijack()
      return
    }
    if (!events.isOpen) throw error
    const { body, isInternal } = answerTo(error, context.options.bodyLimitBytes)
    if (isInternal) {
      stream.request.log.error({ ...traceOf(stream.request.headers), err: error }, 'a stream failed')
      context.host.suspect()
    }
    events.fail(format.failure?.(body) ?? `data: ${JSON.stringify(body)}\n\n`)
  } finally {
    events.stop()
  }
}

/** What was computed counts, also when nobody waits for it any more. */
function countTokens (active: ActiveRequest, generations: readonly Generation[]): void {
  for (const generation of generations) {
    generation.result().then(({ usage }) => { active.spend(usage.promptTokens + usage.completionTokens) }, () => {})
  }
}

/** Aborts and errors must not look like an answer's end. */
function checkEnd (finishReason: FinishReason, active: ActiveRequest): void {
  if (finishReason === 'abort' || finishReason === 'error') throw abortError(active)
}

/** What a request that ended early is answered with. */
export function abortError ({ abortReason }: ActiveRequest): MillraceError {
  switch (abortReason) {
    case 'draining': return drainingError()
    case 'clientGaveUp': return new ClientTimeoutError()
    default: return new GenerationFailedError()
  }
}

export function sumUsage (parts: readonly Usage[]): Usage {
  const sum = (field: keyof Usage): number => parts.reduce((total, part) => total + (part[field] ?? 0), 0)
  const known = { promptTokens: sum('promptTokens'), completionTokens: sum('completionTokens'), cachedTokens: sum('cachedTokens') }
  return parts.some(({ reasoningTokens }) => reasoningTokens !== undefined) ? { ...known, reasoningTokens: sum('reasoningTokens') } : known
}

export function usageJson (usage: Usage): object {
  return {
    prompt_tokens: usage.promptTokens,
    completion_tokens: usage.completionTokens,
    total_tokens: usage.promptTokens + usage.completionTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedTokens },
    ...usage.reasoningTokens === undefined ? {} : { completion_tokens_details: { reasoning_tokens: usage.reasoningTokens } }
  }
}
