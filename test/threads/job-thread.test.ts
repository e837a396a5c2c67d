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

function threadOf (t: Test, timeoutMs = 5000): JobThread<unknown, Done> {
  const module = new URL('../support/job-worker.js', import.meta.url)
  const thread = new JobThread<unknown, Done>({ module, timeoutMs, maxHeapMib: 64, toError: failure => new Failed(failure) })
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
