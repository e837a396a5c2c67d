// The API within a program of your own, beside its own routes (docs/embedding.md).
//
//   npm run build && node examples/fastify.mjs path/to/a/model
//   curl http://127.0.0.1:3000/llm/v1/models
import Fastify from 'fastify'
import { Engine } from 'millrace'
import { millracePlugin } from 'millrace/server'

const [model, port = '3000'] = process.argv.slice(2)
if (model === undefined) {
  console.error('usage: node examples/fastify.mjs MODEL [PORT]')
  process.exit(2)
}
const engine = await Engine.load(model)
const app = Fastify()

// A route of your own may ask the same engine: its requests and those of the API share one queue and one cache.
app.get('/summary', async request => {
  const { choices } = await engine.complete({ prompt: `${request.query.text}\n\nIn one line:`, maxTokens: 40 }).result()
  return { summary: choices[0].text }
})
await app.register(millracePlugin, { engine, prefix: '/llm', apiKey: process.env.MY_KEYS ?? [] })

console.log(`listening on ${await app.listen({ port: Number(port) })}`)
process.once('SIGTERM', async () => {
  await app.close() // answers that are being written may finish
  await engine.close()
})
