import { Command } from 'commander'
import { writeFileSync } from 'node:fs'
import { checks } from './checks.js'
import { items } from './items.js'
import { closeIdleConnections } from './lib/http.js'
import { resultLine, scoreOf, scoreTable } from './lib/report.js'
import { runItem, type Result } from './lib/run.js'
import { selectItems } from './lib/select-items.js'
import { fullSizes, smallSizes } from './lib/sizes.js'
import { startCommand } from './lib/start-command.js'
import { Target } from './lib/target.js'

// npm run conformance -- --base-url http://127.0.0.1:8000: how well a server keeps to OpenAI's API (docs/conformance.md).

const { baseUrl, apiKey, model, embeddingModel, contextTokens, only, json, name, full, start } = new Command('conformance')
  .description('Tests a server of OpenAI\'s API by 120 items and prints a score.')
  .requiredOption('--base-url <url>', 'where the server is, with or without /v1')
  .option('--api-key <key>', 'a key that the server takes')
  .option('--model <name>', 'the model to chat with (default: the first one listed)')
  .option('--embedding-model <name>', 'the model for embeddings')
  .option('--context-tokens <number>', 'the context of the model (default: as the server tells)', Number)
  .option('--only <items>', 'such as 69-93,101')
  .option('--json <file>', 'write the results there')
  .option('--name <text>', 'what the results call the server, such as its name and version')
  .option('--full', 'the full sizes of the items under load, which take minutes')
  .option('--start <command>', 'starts one more instance, at {port}, which the suite may end: for items 20, 81, 119 and 120')
  .parse().opts<{
  baseUrl: string, apiKey?: string, model?: string, embeddingModel?: string, contextTokens?: number, only?: string, json?: string, name?: string, full?: boolean, start?: string
}>()

// A run that ends before its last item must not look like one that found nothing.
let current = 'the search for the model'
let isJudged = false
process.on('exit', code => {
  if (!isJudged) console.error(`The run ended without a verdict, during ${current} (exit code ${code}).`)
})
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => { process.exit(1) })
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    console.error(error)
    process.exit(1)
  })
}

const target = await Target.find({
  baseUrl, apiKey, model, embeddingModel, contextTokens, sizes: full === true ? fullSizes : smallSizes,
  ...(start === undefined ? {} : { start: startCommand(start) })
})
console.log(`${target.url('/v1').href}, model ${target.model}, context ${target.contextTokens ?? 'unknown'}`)
const results: Result[] = []
for (const item of selectItems(items, only)) {
  current = `item ${item.number}`
  const result = await runItem(item, checks, target)
  results.push(result)
  console.log(resultLine(result))
  // What one item left behind is not the next one's failure.
  if (result.outcome === 'failed') await target.recovers().catch((error: Error) => { console.log(`${' '.repeat(21)}${error.message}`) })
}
closeIdleConnections()
console.log(`\n${scoreTable(results)}`)
if (json !== undefined) {
  // Times and addresses are of one run, and of one machine.
  const rows = results.map(({ number, outcome, reason }) => ({ number, outcome, reason }))
  writeFileSync(json, `${JSON.stringify({ name, date: new Date().toISOString().slice(0, 10), model: target.model, sizes: full === true ? 'full' : 'small', score: scoreOf(results), results: rows }, null, 1)}\n`)
}
isJudged = true
process.exit(scoreOf(results).failed > 0 ? 1 : 0)
