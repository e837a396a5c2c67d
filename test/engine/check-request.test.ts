import { fileURLToPath } from 'node:url'
import t from 'tap'
import { checkKeptLogprobs } from '../../src/engine/check-request.js'
import { Engine } from '../../src/engine/engine.js'

t.test('log-probabilities are bounded by what an answer may become: its choices, tokens and alternatives', t => {
  const params = { logprobs: true, topLogprobs: 20, n: 1, maxTokens: undefined }
  const named = { code: 'ERR_INVALID_PARAMETER', param: 'logprobs' }
  checkKeptLogprobs(params, 131_072)
  t.throws(() => { checkKeptLogprobs({ ...params, n: 2 }, 131_072) }, named)
  checkKeptLogprobs({ ...params, n: 128, maxTokens: 1560 }, 131_072)
  t.throws(() => { checkKeptLogprobs({ ...params, n: 128, maxTokens: 1561 }, 131_072) }, { ...named, message: /up to 4195968 log-probabilities \(199808 tokens, 21 of each\); at most 4194304/ })
  checkKeptLogprobs({ ...params, n: 128, maxTokens: 1561 }, 1560)
  checkKeptLogprobs({ ...params, logprobs: false, n: 128 }, 131_072)
  t.end()
})

t.test('an engine refuses more of them before anything is computed', async t => {
  const engine = await Engine.load(fileURLToPath(new URL('../../models/millrace-demo', import.meta.url)))
  t.teardown(async () => { await engine.close() })
  const ask = (maxTokens?: number) => engine.complete({ prompt: 'x', logprobs: true, topLogprobs: 20, n: 128, maxTokens })
  await t.rejects(ask().result(), { code: 'ERR_INVALID_PARAMETER', param: 'logprobs' })
  t.equal(engine.stats().steps.steps, 0)
  t.equal((await ask(1).result()).choices.length, 128)
})
