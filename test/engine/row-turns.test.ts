import t from 'tap'
import { RowTurns } from '../../src/engine/row-turns.js'

/** Rows that are handed out by a clock which the test moves. */
function turns () {
  const seen: number[] = []
  const events: string[] = []
  const clock = { ms: 0 }
  const broken: unknown[] = []
  const rows = new RowTurns({
    now: () => clock.ms,
    onDone: () => { events.push('done') },
    onBroken: error => { broken.push(error) }
  })
  return { rows, seen, events, clock, broken }
}

async function turn (): Promise<void> {
  await new Promise(setImmediate)
}

t.test('few rows are handed out at once, and nobody is told', t => {
  const { rows, seen, events } = turns()
  rows.start(16, 0, row => { seen.push(row) })
  t.same(seen, Array.from({ length: 16 }, (_, row) => row))
  t.notOk(rows.isBusy)
  t.same(events, [])
  t.end()
})

t.test('after 16 rows their consumers run, before the next 16', async t => {
  const { rows, events } = turns()
  rows.start(40, 0, row => {
    events.push(`row ${row}`)
    void Promise.resolve().then(() => { events.push(`consumer ${row}`) })
  })
  t.ok(rows.isBusy)
  t.equal(events.length, 16)
  await turn()
  t.notOk(rows.isBusy)
  t.same(events.slice(16, 32), Array.from({ length: 16 }, (_, row) => `consumer ${row}`))
  t.equal(events.at(-1), 'done')
  t.equal(events.length, 81)
})

t.test('what takes longer than 3 ms goes on in the next turn, after timers and sockets', async t => {
  const { rows, seen, clock } = turns()
  rows.start(64, 0, row => {
    seen.push(row)
    void Promise.resolve().then(() => { clock.ms += 0.15 })
  })
  for (let i = 0; i < 10; i++) await Promise.resolve()
  t.equal(seen.length, 32, '16 rows take 2.4 ms, so there is time for 16 more')
  await turn()
  t.equal(seen.length, 64)
})

t.test('rows that are flushed come once, and the end is told once', async t => {
  const { rows, seen, events } = turns()
  rows.start(100, 0, row => {
    seen.push(row)
    if (row === 20) rows.flush()
  })
  await turn()
  t.same(seen, Array.from({ length: 100 }, (_, row) => row))
  t.same(events, ['done'])
  rows.flush()
  t.equal(seen.length, 100)
})

t.test('the next step begins from within the end of the one before', async t => {
  const seen: number[] = []
  const rows = new RowTurns({
    now: () => 0,
    onDone: () => { if (seen.length < 60) rows.start(20, 0, row => { seen.push(row) }) },
    onBroken: () => {}
  })
  rows.start(20, 0, row => { seen.push(row) })
  for (let i = 0; i < 3; i++) await turn()
  t.equal(seen.length, 60)
  t.notOk(rows.isBusy)
})

t.test('a defect in a row is told, and ends its step', async t => {
  const { rows, seen, events, broken } = turns()
  rows.start(60, 0, row => {
    if (row === 20) throw new Error('a defect')
    seen.push(row)
  })
  await turn()
  t.match(broken, [{ message: 'a defect' }])
  t.equal(seen.length, 20)
  t.same(events, ['done'])
})

t.test('what the turn has done before counts', async t => {
  const { rows, seen, clock } = turns()
  clock.ms = 5
  rows.start(64, 1, row => { seen.push(row) })
  for (let i = 0; i < 10; i++) await Promise.resolve()
  t.equal(seen.length, 16)
  await turn()
  t.equal(seen.length, 64)
})

t.test('a defect in a row that is flushed is told, and does not reach whoever flushes', async t => {
  const { rows, events, broken } = turns()
  rows.start(60, 0, row => { if (row === 20) throw new Error('a defect') })
  rows.flush()
  t.match(broken, [{ message: 'a defect' }])
  await turn()
  t.same(events, ['done'])
})
