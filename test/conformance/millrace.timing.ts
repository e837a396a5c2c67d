import t from 'tap'
import { checks } from '../../conformance/checks.js'
import { items } from '../../conformance/items.js'
import { closeIdleConnections } from '../../conformance/lib/http.js'
import { runItem } from '../../conformance/lib/run.js'
import { fullSizes, smallSizes } from '../../conformance/lib/sizes.js'
import { startCommand } from '../../conformance/lib/start-command.js'
import { Target } from '../../conformance/lib/target.js'
import { knownFailing, notJudged } from './known-failing.js'

// The suite against millrace serve with the model that ships with it. test:full takes the full sizes.

// The KV cache has its memory from the start: item 117 measures what readers cost beside it.
const serve = 'node --import tsx src/cli/main.ts serve --preallocate-kv --profiler-state none --api-key k --drain-timeout-ms 500 --port {port}'
const sizes = process.env['CONFORMANCE_SIZES'] === 'full' ? fullSizes : smallSizes

t.setTimeout(sizes === fullSizes ? 3_600_000 : 600_000)

t.test('Millrace passes every item that is not on the list, and none that is on it', async t => {
  const start = startCommand(serve)
  const instance = await start()
  t.teardown(async () => {
    closeIdleConnections()
    instance.terminate()
    await instance.exited
  })
  const options = { baseUrl: instance.url, apiKey: 'k', model: 'millrace-demo', embeddingModel: 'millrace-demo', sizes, start }
  await new Target(options, 'millrace-demo', undefined).recovers()
  const target = await Target.find(options)
  for (const item of items) {
    const { outcome, reason } = await runItem(item, checks, target)
    const expected = item.number in knownFailing ? 'failed' : item.number in notJudged ? 'notApplicable' : 'passed'
    t.equal(outcome, expected, `${item.number}: ${item.title}${reason === undefined ? '' : ` (${reason})`}`)
    if (expected === 'notApplicable') t.equal(reason, notJudged[item.number])
  }
})
