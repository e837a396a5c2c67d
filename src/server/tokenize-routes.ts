import type { FastifyInstance } from 'fastify'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { checkTextLength } from '../engine/check-request.js'
import { InvalidParameterError } from './errors.js'
import { jsonRoute } from './json-route.js'
import { readMessages } from './messages.js'
import { detokenizeRequest, tokenizeRequest, type DetokenizeRequest, type TokenizeRequest } from './schemas/tokenize-request.js'
import type { ServedEngine } from './served-engine.js'
import type { ServerContext } from './server-context.js'
import { toolOptions } from './tool-options.js'

/** POST /tokenize and /detokenize, with vLLM's fields. */
export function registerTokenize (app: FastifyInstance, { host }: ServerContext): void {
  const engineOf = (model: string | undefined): ServedEngine => host.engine(model ?? host.onlyModel())

  app.post<{ Body: TokenizeRequest }>('/tokenize', jsonRoute('tokenize', tokenizeRequest), async ({ body }) => {
    const engine = engineOf(body.model)
    const tokens = Array.from(await tokenIds(engine, body))
    return {
      count: tokens.length,
      max_model_len: engine.info.options.maxModelLen,
      tokens,
      token_strs: body.return_token_strs === true ? await tokenTexts(engine, tokens) : null
    }
  })

  app.post<{ Body: DetokenizeRequest }>('/detokenize', jsonRoute('detokenize', detokenizeRequest), async ({ body }) => ({
    prompt: engineOf(body.model).detokenize(body.tokens)
  }))
}

/** Tokens that are looked up before others get their turn: some 10 ms. */
const tokensAtOnce = 4096

async function tokenTexts (engine: ServedEngine, tokens: readonly number[]): Promise<string[]> {
  const texts: string[] = []
  for (const [i, token] of tokens.entries()) {
    if (i > 0 && i % tokensAtOnce === 0) await nextTurn()
    texts.push(engine.detokenize([token]))
  }
  return texts
}

async function tokenIds (engine: ServedEngine, { prompt, messages, tools, chat_template_kwargs: variables }: TokenizeRequest): Promise<Int32Array> {
  if ((prompt === undefined) === (messages === undefined)) {
    throw new InvalidParameterError('prompt', 'Send either prompt or messages.')
  }
  if (prompt !== undefined) {
    checkTextLength(prompt, engine.info.options.maxModelLen)
    return await engine.tokenize(prompt)
  }
  return await engine.tokenizeChat({
    messages: readMessages(messages!),
    tools: toolOptions({ tools: tools ?? [] }).tools,
    templateVariables: variables as Readonly<Record<string, unknown>> | undefined
  })
}
