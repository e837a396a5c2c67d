import fc from 'fast-check'
import t from 'tap'
import { checkAnswer } from '../support/fuzz/answer-rules.js'
import { apiRequests, operationsOf, type ApiRequest } from '../support/fuzz/api-requests.js'
import { FuzzServer } from '../support/fuzz/fuzz-server.js'
import { holds } from '../support/fuzz/property.js'
import { fixture } from '../support/fixtures.js'
import { testSeed } from '../support/random.js'

// Requests made from the served OpenAPI document, as they should be and broken. MILLRACE_FUZZ_MINUTES makes it long.

const minutes = Number(process.env['MILLRACE_FUZZ_MINUTES'] ?? 0.04)

t.setTimeout(minutes * 180_000 + 300_000)

t.test('no request does harm: each is answered, or refused with the right error, and nothing is left of it', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed} (MILLRACE_TEST_SEED repeats it)`)
  const server = await FuzzServer.start(t, process.env['MILLRACE_FUZZ_MODEL'] ?? fixture('models/qwen3'))
  const operations = operationsOf(await server.document())
  t.ok(operations.filter(({ body }) => body !== undefined).length >= 6)
  const counts = new Map<string, number>()
  const tally = (what: string): void => { counts.set(what, (counts.get(what) ?? 0) + 1) }

  await server.withBystander(t, async () => {
    const drawn = fc.array(apiRequests(operations, server.model), { minLength: 1, maxLength: 6 })
    await holds(t, { examples: [knownRequests(server.model)], drawn }, { seed, timeMs: minutes * 60_000 }, async requests => {
      await Promise.all(requests.map(async request => {
        const answer = await server.send(request)
        checkAnswer(request, answer)
        tally('requests')
        tally(`${request.what === 'valid' ? 'valid' : 'odd'}: ${answer.status}`)
      }))
    })
  })
  t.comment(`seed ${seed}: ${[...counts].sort().map(([what, count]) => `${what} ${count}`).join(', ')}`)
  // In seconds on a busy machine the known ones may be all.
  t.ok(counts.get('valid: 200')! > Math.max(0, counts.get('requests')! - 300) / 20, 'valid ones are answered')
  await server.isEmpty(t)
})

/** Each endpoint can be reached at all. */
function knownRequests (model: string): ApiRequest[] {
  const bodies: Readonly<Record<string, object>> = {
    '/v1/chat/completions': { messages: [{ role: 'user', content: 'a' }], max_tokens: 2, stream: true }, '/v1/completions': { prompt: 'a', max_tokens: 2 },
    '/v1/responses': { input: 'a', max_output_tokens: 2 }, '/v1/embeddings': { input: 'a' }, '/tokenize': { prompt: 'a' }, '/detokenize': { tokens: [1] }
  }
  return Object.entries(bodies).map(([path, body]) => ({
    method: 'POST', path, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model, ...body }), what: 'valid', params: undefined, operation: `POST ${path}`
  }))
}
