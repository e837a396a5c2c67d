// A tool that runs in this process, within the request that calls it (docs/tools.md).
//
//   npm run build && node examples/tools.mjs path/to/a/model/that/calls/tools "What time is it in Lisbon?"
import { Engine } from 'millrace'

const [model, question = 'What time is it in Lisbon, and in Tokyo?'] = process.argv.slice(2)
if (model === undefined) {
  console.error('usage: node examples/tools.mjs MODEL [QUESTION]')
  process.exit(2)
}
const engine = await Engine.load(model)

engine.registerTool({
  name: 'time',
  description: 'The time of day in a place.',
  parameters: {
    type: 'object',
    properties: { zone: { type: 'string', description: 'IANA time zone, such as Europe/Lisbon' } },
    required: ['zone']
  },
  // An unknown zone throws, and the model reads why.
  call: ({ zone }) => new Intl.DateTimeFormat('en-GB', { timeZone: zone, timeStyle: 'short' }).format()
})

const generation = engine.chat({ messages: [{ role: 'user', content: question }], tools: ['time'], maxTokens: 500 })
for await (const { text, toolCalls = [], toolResults = [] } of generation) {
  process.stdout.write(text)
  for (const { name, arguments: args } of toolCalls) console.log(`\n> ${name} ${JSON.stringify(args)}`)
  for (const { content, durationMs } of toolResults) console.log(`< ${content} (${durationMs.toFixed(0)} ms)`)
}
const { usage, timeline } = await generation.result()
console.log(`\n${usage.completionTokens} tokens; ${usage.cachedTokens} of ${usage.promptTokens} prompt tokens from the cache; tools ${timeline.toolMs.toFixed(0)} ms`)
await engine.close()
