import { expectRefusal, messageOf, okBody } from '../lib/answers.js'
import type { Answer } from '../lib/http.js'
import type { Checks } from '../lib/run.js'
import type { Target } from '../lib/target.js'
import { expect, fail, notApplicable, show } from '../lib/verdict.js'

const path = '/v1/embeddings'

export const embeddings: Checks = {
  102: async target => {
    await needModel(target)
    for (const [input, count] of [['mill', 1], [['mill', 'river'], 2], [[5, 6], 1], [[[5, 6], [7]], 2]] as const) {
      const { data } = await embed(target, { input })
      expect(data.length === count, `the input ${show(input)} gave ${data.length} embeddings`)
    }
    expectRefusal(await ask(target, { input: ['mill', ''] }), 'an empty text')
    expectRefusal(await ask(target, { input: Array.from({ length: 2049 }, () => 'a') }), '2,049 texts')
  },
  103: async target => {
    await needModel(target)
    const numbers: number[] = (await embed(target, { encoding_format: 'float' })).data[0].embedding
    expect(Array.isArray(numbers) && numbers.every(value => typeof value === 'number'), `float gave ${show(numbers)}`)
    const { embedding: base64 } = (await embed(target, { encoding_format: 'base64' })).data[0]
    expect(typeof base64 === 'string', `base64 gave ${show(base64)}`)
    const bytes = Buffer.from(base64, 'base64')
    expect(bytes.length === numbers.length * 4, `base64 has ${bytes.length} bytes for ${numbers.length} numbers`)
    expectSame(numbers, numbers.map((_, i) => bytes.readFloatLE(i * 4)), 'base64')
    const viaClient = await target.openai().embeddings.create({ model: target.options.embeddingModel!, input: 'mill' })
    expectSame(numbers, viaClient.data[0]!.embedding, 'OpenAI\'s client')
  },
  104: async target => {
    await needModel(target)
    const answer = await ask(target, { dimensions: 8 })
    if (answer.status !== 400) expect(okBody(answer, 'dimensions').data[0].embedding.length === 8, `dimensions 8 gave ${answer.json.data[0].embedding.length}`)
    expectRefusal(await ask(target, { dimensions: 0 }), 'dimensions 0')
  },
  105: async target => {
    await needModel(target)
    const inputs = ['mill', 'a river that runs to the sea', 'stone']
    const body = await embed(target, { input: inputs })
    expect(body.object === 'list' && body.model === target.options.embeddingModel, `object and model are ${show([body.object, body.model])}`)
    for (const [i, entry] of body.data.entries()) {
      expect(entry.object === 'embedding' && entry.index === i, `entry ${i} is ${show({ ...entry, embedding: undefined })}`)
      expectSame((await embed(target, { input: inputs[i]! })).data[0].embedding, entry.embedding, `entry ${i} of three`)
    }
    expect(body.usage?.prompt_tokens > 0 && body.usage.prompt_tokens === body.usage.total_tokens, `usage is ${show(body.usage)}`)
  },
  106: async target => {
    const answer = await ask(target, { model: target.model })
    needRoute(answer)
    if (answer.status === 200) notApplicable('the chat model gives embeddings too')
    expect([400, 404, 501].includes(answer.status), `a chat model asked for embeddings got ${answer.status}`)
    const { embeddingModel } = target.options
    if (embeddingModel !== undefined) {
      const { status } = await target.chat({ model: embeddingModel })
      expect([400, 404, 501].includes(status), `an embedding model asked to chat got ${status}`)
    }
    await target.recovers()
  }
}

async function ask (target: Target, fields: object): Promise<Answer> {
  return await target.send(path, { body: { model: target.options.embeddingModel ?? target.model, input: 'mill', ...fields } })
}

async function embed (target: Target, fields: object): Promise<any> {
  return okBody(await ask(target, fields), show(fields))
}

/** A server without the route fails; one whose models cannot embed is not judged. */
async function needModel (target: Target): Promise<void> {
  if (target.options.embeddingModel !== undefined) return
  const answer = await ask(target, {})
  needRoute(answer)
  notApplicable(`the server has no embedding model, or it was not named with --embedding-model (${answer.status}: ${messageOf(answer)})`)
}

function needRoute (answer: Answer): void {
  const isRouteMissing = answer.status === 405 || (answer.status === 404 && answer.json?.error?.code !== 'model_not_found')
  if (isRouteMissing) fail(`there is no POST ${path} (${answer.status})`)
}

function expectSame (one: readonly number[], other: readonly number[], what: string): void {
  const isSame = one.length === other.length && one.every((value, i) => Math.abs(value - other[i]!) <= 1e-2 * Math.max(1e-2, Math.abs(value)))
  expect(isSame, `${what} gives other numbers: ${show(other.slice(0, 4))}, not ${show(one.slice(0, 4))}`)
}
