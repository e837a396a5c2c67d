import type { FastifyInstance } from 'fastify'
import { PromptTooLongError } from '../core/errors.js'
import type { Generation, RequestOptions } from '../engine/api.js'
import { checkKeptLogprobs } from '../engine/check-request.js'
import { estimatedTokens } from '../engine/queue-bound.js'
import { completion, CompletionEvents, type CompletionOptions } from './completion-format.js'
import { constraintError, readConstraint } from './constraint.js'
import { InvalidParameterError, UnsupportedFieldError } from './errors.js'
import { answerHead, finishAll, startRequest, streamAll } from './generation-request.js'
import { jsonRoute } from './json-route.js'
import { completionRequest, type CompletionRequest } from './schemas/completion-request.js'
import { checkSampling, samplingOptions } from './schemas/sampling-fields.js'
import type { ServerContext } from './server-context.js'
import { timingsJson } from './timings.js'
import type { ServedEngine } from './served-engine.js'

/** OpenAI's own default. */
const defaultMaxTokens = 16
/** Prompts times n of one request. */
const maxSequences = 1024
/** Of all prompts that an answer echoes, each n times. */
const maxEchoedChars = 2 ** 24
/** Of all prompt tokens whose log-probabilities it echoes, each n times. */
const maxEchoedLogprobs = 2 ** 18

type Prompt = string | readonly number[]

/** POST /v1/completions */
export function registerCompletions (app: FastifyInstance, context: ServerContext): void {
  app.post<{ Body: CompletionRequest }>('/v1/completions', jsonRoute('completions', completionRequest), async (request, reply) => {
    const { body } = request
    const engine = context.host.engine(body.model)
    checkRequest(body)
    const prompts = promptsOf(body, engine.info.options.maxQueuedRequests)
    checkLogprobs(body, prompts.length, engine)
    const constraint = readConstraint(body)
    const head = answerHead('cmpl', body.model)
    const options = completionOptions(body, prompts, engine)
    const active = startRequest(context, reply)
    const generations = prompts.map((prompt, i) => engine.complete({
      prompt, ...requestOptions(body), constraint: constraint?.constraint, requestId: prompts.length === 1 ? head.id : `${head.id}-${i}`, signal: active.signal, giveUpMs: active.giveUpMs
    }))
    const places = Array.isArray(body.prompt) && typeof body.prompt[0] !== 'number' ? placesOfErrors(generations) : new Map<unknown, number>()
    const named = (error: unknown): unknown => placed(constraintError(error, constraint), places)
    if (body.stream === true) {
      const format = new CompletionEvents(head, options)
      await streamAll({ context, request, reply, active, generations, format }).catch(error => { throw named(error) })
      return reply
    }
    const results = await finishAll(request, active, generations).catch(error => { throw named(error) })
    if (results === undefined) return reply.hijack()
    const answer = completion(head, results, options, engine)
    return options.includeTimings ? { ...answer, timings: timingsJson(results) } : answer
  })
}

function checkRequest (body: CompletionRequest): void {
  checkSampling(body)
  if (body.max_tokens === 0 && body.echo !== true) {
    throw new InvalidParameterError('max_tokens', 'max_tokens 0 needs "echo": true; otherwise there is nothing to answer.')
  }
  if (body.stream === true && body.echo === true && body.logprobs !== undefined) {
    throw new UnsupportedFieldError('logprobs', 'logprobs of an echoed prompt are not streamed; leave out "stream".')
  }
}

/** @throws InvalidParameterError for too many */
function promptsOf (body: CompletionRequest, maxQueuedRequests = Infinity): Prompt[] {
  const { prompt, n = 1 } = body
  const isList = Array.isArray(prompt) && typeof prompt[0] !== 'number'
  const prompts = isList ? prompt as Prompt[] : [prompt as Prompt]
  if (prompts.length * n > maxSequences) {
    throw new InvalidParameterError('prompt', `prompt asks for ${prompts.length} times ${n} answers; at most ${maxSequences} are given at once.`)
  }
  // A queue that is shorter would refuse it every time.
  if (prompts.length > 1 && prompts.length * n > maxQueuedRequests) {
    throw new InvalidParameterError('prompt', `prompt asks for ${prompts.length} times ${n} answers, and the queue takes ${maxQueuedRequests} (--max-queued-requests). Send fewer at once.`)
  }
  return prompts
}

/** Of all prompts together; of one, the engine knows how long it is. @throws InvalidParameterError */
function checkLogprobs ({ n = 1, logprobs, max_tokens: maxTokens = defaultMaxTokens }: CompletionRequest, numPrompts: number, engine: ServedEngine): void {
  if (logprobs === undefined || numPrompts === 1) return
  checkKeptLogprobs({ logprobs: true, topLogprobs: logprobs, n: numPrompts * n, maxTokens }, engine.info.options.maxModelLen)
}

/** By error, which prompt of a list was refused with it. */
function placesOfErrors (generations: readonly Generation[]): Map<unknown, number> {
  const places = new Map<unknown, number>()
  for (const [i, { accepted }] of generations.entries()) accepted.catch(error => { places.set(error, i) })
  return places
}

/** The engine knows one prompt at a time. */
function placed (error: unknown, places: ReadonlyMap<unknown, number>): unknown {
  const place = places.get(error)
  if (place === undefined || !(error instanceof InvalidParameterError) || !/^prompt\b/.test(error.param!)) return error
  const named = (text: string): string => text.replace(/^prompt\b/, `prompt[${place}]`)
  return new InvalidParameterError(named(error.param!), named(error.message))
}

/**
 * The texts that choices begin with.
 *
 * @throws InvalidParameterError where they would be more than anybody reads: an answer is put together at once
 */
function echoedTexts ({ n = 1, logprobs }: CompletionRequest, prompts: readonly Prompt[], engine: ServedEngine): string[] {
  const numTokens = n * prompts.reduce((sum, prompt) => sum + promptTokens(prompt, engine.info.options.maxModelLen), 0)
  if (logprobs !== undefined && numTokens > maxEchoedLogprobs) {
    throw new InvalidParameterError('echo', `echo with logprobs asks for about ${numTokens} prompt tokens; at most ${maxEchoedLogprobs} are given at once. Send fewer prompts, or a smaller n.`)
  }
  const texts = prompts.map(prompt => typeof prompt === 'string' ? prompt : engine.detokenize(prompt))
  const numChars = n * texts.reduce((sum, { length }) => sum + length, 0)
  if (numChars > maxEchoedChars) {
    throw new InvalidParameterError('echo', `echo asks for ${numChars} characters of prompts; at most ${maxEchoedChars} are given at once. Send fewer prompts, or a smaller n.`)
  }
  return texts
}

/** About how many, before the prompt is tokenised. @throws PromptTooLongError before so many ids become a text */
function promptTokens (prompt: Prompt, maxModelLen: number): number {
  if (typeof prompt === 'string') return estimatedTokens(prompt.length)
  if (prompt.length > maxModelLen) throw new PromptTooLongError(prompt.length, maxModelLen, 'Shorten it, or restart with a larger --max-model-len.')
  return prompt.length
}

function requestOptions (body: CompletionRequest): RequestOptions {
  const wantsLogprobs = body.logprobs !== undefined
  return {
    ...samplingOptions(body),
    maxTokens: body.max_tokens ?? defaultMaxTokens,
    logprobs: wantsLogprobs,
    topLogprobs: body.logprobs,
    promptLogprobs: wantsLogprobs && body.echo === true
  }
}

function completionOptions (body: CompletionRequest, prompts: readonly Prompt[], engine: ServedEngine): CompletionOptions {
  return {
    n: body.n ?? 1,
    echoed: body.echo === true ? echoedTexts(body, prompts, engine) : undefined,
    logprobs: body.logprobs !== undefined,
    includeUsage: body.stream_options?.include_usage === true,
    obfuscate: body.stream_options?.include_obfuscation === true,
    includeTimings: body.include_timings === true
  }
}
