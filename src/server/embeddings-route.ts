import type { FastifyInstance } from 'fastify'
import { Readable } from 'node:stream'
import type { EmbedResult } from '../engine/api.js'
import { abortError, answerHead, startRequest } from './generation-request.js'
import { jsonRoute } from './json-route.js'
import { embeddingsRequest, type EmbeddingsRequest } from './schemas/embeddings-request.js'
import type { ServerContext } from './server-context.js'

/** POST /v1/embeddings */
export function registerEmbeddings (app: FastifyInstance, context: ServerContext): void {
  app.post<{ Body: EmbeddingsRequest }>('/v1/embeddings', jsonRoute('embeddings', embeddingsRequest), async (request, reply) => {
    const { body } = request
    const engine = context.host.engine(body.model)
    const { id } = answerHead('embd', body.model)
    const active = startRequest(context, reply)
    try {
      const { input, dimensions, priority, cache_salt: cacheSalt } = body
      const result = await engine.embed({ input, dimensions, priority, cacheSalt, requestId: id, signal: active.signal, giveUpMs: active.giveUpMs })
      active.spend(result.usage.promptTokens)
      return await reply.type('application/json; charset=utf-8').send(Readable.from(embeddingsJson(body, result)))
    } catch (error) {
      if (active.abortReason === 'clientLeft') return reply.hijack()
      throw active.signal.aborted ? abortError(active) : error
    }
  })
}

/** In pieces: an answer may have millions of numbers, and others want to be answered meanwhile. */
function* embeddingsJson ({ model, encoding_format: format = 'float' }: EmbeddingsRequest, { embeddings, usage }: EmbedResult): Generator<string> {
  yield '{"object":"list","data":['
  for (const [index, embedding] of embeddings.entries()) {
    yield `${index === 0 ? '' : ','}{"object":"embedding","index":${index},"embedding":${format === 'base64' ? `"${base64(embedding)}"` : `[${embedding.join(',')}]`}}`
  }
  const { promptTokens, cachedTokens } = usage
  yield `],"model":${JSON.stringify(model)},"usage":${JSON.stringify({
    prompt_tokens: promptTokens, total_tokens: promptTokens, prompt_tokens_details: { cached_tokens: cachedTokens }
  })}}`
}

/** Of little-endian F32: that of every processor that this runs on. */
function base64 ({ buffer, byteOffset, byteLength }: Float32Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64')
}
