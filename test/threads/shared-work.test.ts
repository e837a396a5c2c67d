import t from 'tap'
import { SharedWork } from '../../src/threads/shared-work.js'

function begin (): { work: SharedWork<number>, done: (value: number) => void, isStopped: () => boolean } {
  let done!: (value: number) => void
  let stopping!: AbortSignal
  const work = new SharedWork<number>(async signal => await new Promise((resolve, reject) => {
    done = resolve
    stopping = signal
    signal.addEventListener('abort', () => { reject(signal.reason as Error) })
  }))
  return { work, done, isStopped: () => stopping.aborted }
}

t.test('work goes on while one of those who wait for it is left', async t => {
  const { work, done, isStopped } = begin()
  const [first, second] = [new AbortController(), new AbortController()]
  const left = t.rejects(work.wait(first.signal), { message: 'gone' })
  const stayed = work.wait(second.signal)
  first.abort(new Error('gone'))
  await left
  t.notOk(isStopped())
  done(7)
  t.equal(await stayed, 7)
  second.abort()
  await Promise.resolve()
  t.notOk(work.isGivenUp)
  t.equal(work.value, 7)
})

t.test('it is stopped when the last of them leaves, and not while somebody waits who cannot leave', async t => {
  for (const isLasting of [false, true]) {
    const { work, done, isStopped } = begin()
    const leaving = new AbortController()
    const left = t.rejects(work.wait(leaving.signal), { message: 'gone' })
    const lasting = isLasting ? work.wait() : undefined
    leaving.abort(new Error('gone'))
    await left
    t.equal(isStopped(), !isLasting)
    t.equal(work.isGivenUp, !isLasting)
    done(1)
    if (lasting !== undefined) t.equal(await lasting, 1)
  }
})
