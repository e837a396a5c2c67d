import { getEventListeners } from 'node:events'
import t, { type Test } from 'tap'
import { JobThread, type JobFailure } from '../../src/threads/job-thread.js'

class Failed extends Error {
  readonly failure: JobFailure

  constructor (failure: JobFailure) {
    super(failure.kind)
    this.failure = failure
  }
}

interface Done {
  readonly kind: 'done'
  readonly value: unknown
}

function threadOf (t: Test, timeoutMs = 5000, maxWaiting?: number): JobThread<unknown, Done> {
  const module = new URL('../support/job-worker.js', import.meta.url)
  const thread = new JobThread<unknown, Done>({ module, timeoutMs, maxHeapMib: 64, ...maxWaiting === undefined ? {} : { maxWaiting }, toError: failure => new Failed(failure) })
  t.teardown(async () => { await thread.close() })
  return thread
}

const failureOf = async (job: Promise<Done>): Promise<string> =>
  await job.then(() => 'none', (error: unknown) => (error as Failed).failure.kind)

t.test('jobs are done one after the other, by one thread', async t => {
  const thread = threadOf(t)
  const replies = await Promise.all([1, 'who', 2, 'who'].map(async job => await thread.run(job)))
  t.same([replies[0]!.value, replies[2]!.value], [2, 4])
  t.equal(replies[1]!.value, replies[3]!.value)
})

for (const [job, kind] of [['hang', 'tooSlow'], ['throw', 'failed'], ['fill', 'tooLarge']] as const) {
  t.test(`a job that ends as ${kind} fails alone: those behind it have a thread of their own`, async t => {
    const thread = threadOf(t, job === 'hang' ? 500 : 20_000)
    const before = await thread.run('who')
    const [failure, behind, who] = await Promise.all([failureOf(thread.run(job)), thread.run(21), thread.run('who')])
    t.equal(failure, kind)
    t.equal(behind.value, 42)
    t.not(who.value, before.value)
  })
}

t.test('what cannot be sent is refused, and the thread stays', async t => {
  const thread = threadOf(t)
  const before = await thread.run('who')
  t.equal(await failureOf(thread.run(() => 1)), 'refused')
  t.equal((await thread.run('who')).value, before.value)
})

t.test('closing ends what runs, and a later job starts a new thread', async t => {
  const thread = threadOf(t, 20_000)
  await thread.run(1)
  const hanging = thread.run('hang')
  const failure = failureOf(hanging)
  await new Promise(resolve => setTimeout(resolve, 50))
  await thread.close()
  t.equal(await failure, 'closed')
  t.equal((await thread.run(3)).value, 6)
})

t.test('a job whose signal aborts while it waits is dropped at once, and those behind it are done', async t => {
  const thread = threadOf(t, 500)
  await thread.run(1)
  const hanging = failureOf(thread.run('hang'))
  const leaving = new AbortController()
  const left = thread.run('hang', leaving.signal)
  const behind = thread.run(21)
  leaving.abort(new Error('gone'))
  t.equal(await Promise.race([left.catch((error: unknown) => (error as Error).message), hanging]), 'gone', 'before the job that runs has ended')
  t.equal(await hanging, 'tooSlow')
  const startMs = performance.now()
  t.equal((await behind).value, 42)
  await t.rejects(thread.run(1, leaving.signal), { message: 'gone' }, 'it does not begin')
  t.ok(performance.now() - startMs < 5000)
})

t.test('a job that has begun goes on when its signal aborts, and no listener stays', async t => {
  const thread = threadOf(t)
  await thread.run(1)
  const leaving = new AbortController()
  const jobs = [1, 2, 3].map(async job => await thread.run(job, leaving.signal))
  t.equal((await jobs[0])!.value, 2)
  await Promise.all(jobs)
  t.equal(getEventListeners(leaving.signal, 'abort').length, 0)
  const running = thread.run(4, leaving.signal)
  await Promise.resolve()
  await Promise.resolve()
  leaving.abort()
  t.equal((await running).value, 8)
})

t.test('jobs beyond the bound are refused at once, and there is room when some have left', async t => {
  const thread = threadOf(t, 500, 2)
  await thread.run(1)
  const hanging = failureOf(thread.run('hang'))
  const leaving = new AbortController()
  const left = failureOf(thread.run(1, leaving.signal).catch(() => { throw new Failed({ kind: 'closed' }) }))
  const waiting = thread.run(2)
  const refused = await thread.run(3).catch((error: unknown) => error as Failed) as Failed
  t.match(refused.failure, { kind: 'full', waiting: 2 })
  leaving.abort()
  const next = thread.run(4)
  t.equal(await left, 'closed')
  t.same([await hanging, (await waiting).value, (await next).value], ['tooSlow', 4, 8])
})
