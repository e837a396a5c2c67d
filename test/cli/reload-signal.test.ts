import t from 'tap'
import { reloadOnHangup } from '../../src/cli/reload-signal.js'
import type { ListeningServer } from '../../src/server/index.js'
import { memoryIo } from '../support/memory-io.js'

// The test runner listens too.
const before = process.listenerCount('SIGHUP')
const nextTurn = async (): Promise<void> => { await new Promise(resolve => setImmediate(resolve)) }

t.test('SIGHUP reads certificate and key again, and says what came of it', async t => {
  const io = memoryIo()
  let outcome: Error | undefined
  let reloads = 0
  const end = reloadOnHangup({
    reloadTls () {
      reloads++
      if (outcome !== undefined) throw outcome
    }
  } as ListeningServer, io)
  process.emit('SIGHUP', 'SIGHUP')
  await nextTurn()
  t.equal(reloads, 1)
  t.match(io.err(), /read again/)
  outcome = new Error('The key x does not belong.')
  process.emit('SIGHUP', 'SIGHUP')
  await nextTurn()
  t.match(io.err(), /The key x does not belong\. The certificate from before stays/)
  end()
  t.equal(process.listenerCount('SIGHUP'), before)
})

t.test('without TLS the signal has its usual effect', t => {
  reloadOnHangup({ reloadTls: undefined } as ListeningServer, memoryIo())
  t.equal(process.listenerCount('SIGHUP'), before)
  t.end()
})
