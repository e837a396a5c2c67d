import t from 'tap'
import { checks } from '../../conformance/checks.js'
import { items } from '../../conformance/items.js'
import { closeIdleConnections } from '../../conformance/lib/http.js'
import { runItem, type Result } from '../../conformance/lib/run.js'
import { smallSizes } from '../../conformance/lib/sizes.js'
import { Target } from '../../conformance/lib/target.js'
import { chatModel, embeddingModel } from './fake-api.js'
import { FakeServer, type Fault } from './fake-server.js'
import { faults } from './faults.js'

// The suite itself: a server that does everything by the book passes every item, and each item fails by faults of its own.

const sizes = {
  ...smallSizes, sequential: 120, idleMs: 50, earlyRefusalMs: 300, overload: 60, largeBodyBytes: 2 ** 20, stallMs: 300, aborts: 60, settleMs: 1000, slowReaders: 4, priorityClients: 4, priorityBoundMs: 1500
}

let started = 0

async function targetOf (fake: FakeServer, fault: Fault = {}): Promise<Target> {
  return await Target.find({
    baseUrl: fake.url, apiKey: 'k', model: chatModel, embeddingModel, contextTokens: 256, sizes,
    start: async () => await FakeServer.start(fault.quirks?.salt === undefined ? fault : { quirks: { salt: `${fault.quirks.salt}${++started}` } }, 100)
  })
}

async function run (number: number, fake: FakeServer, fault?: Fault): Promise<Result> {
  return await runItem(items[number - 1]!, checks, await targetOf(fake, fault))
}

t.teardown(closeIdleConnections)
// Each of some 350 runs takes a fraction of a second; a busy machine adds to that.
t.setTimeout(300_000)

t.test('there are 120 items, numbered from 1, and a test for each of them and nothing else', t => {
  t.same(items.map(({ number }) => number), Array.from({ length: 120 }, (_, i) => i + 1))
  t.same(Object.keys(checks).map(Number), items.map(({ number }) => number))
  t.end()
})

t.test('a server that does everything by the book passes every item', async t => {
  const fake = await FakeServer.start()
  t.teardown(() => { fake.close() })
  for (const { number, title } of items) {
    const { outcome, reason } = await run(number, fake)
    t.equal(outcome, 'passed', `${number}: ${title}${reason === undefined ? '' : ` (${reason})`}`)
  }
})

t.test('every item fails by each of its faults', async t => {
  t.same(Object.keys(faults).map(Number), items.map(({ number }) => number), 'each has a fault')
  for (const { number, title } of items) {
    for (const [name, fault] of Object.entries(faults[number]!)) {
      const fake = await FakeServer.start(fault)
      const { outcome, reason } = await run(number, fake, fault)
      t.equal(outcome, 'failed', `${number} (${title}) when ${name}: ${reason ?? 'no reason'}`)
      fake.close()
    }
  }
})
