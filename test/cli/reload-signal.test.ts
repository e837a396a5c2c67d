import t from 'tap'
import { reloadOnHangup } from '../../src/cli/reload-signal.js'
import type { ListeningServer } from '../../src/server/index.js'
import { memoryIo } from '../support/memory-io.js'

const nextTurn = async (): Promise<void> => { await new Promise(resolve => setImmediate(resolve)) }

t.test('SIGHUP reads certificate and key again, and says what came of it', async t => {
  const io = memoryIo()
  const failures = [undefined, new Error('The key x does not belong.')]
  const before = process.listeners('SIGHUP')
  const end = reloadOnHangup({
    reloadTls () {
      const failure = failures.shift()
      if (failure !== undefined) throw failure
    }
  } as ListeningServer, io)
  process.emit('SIGHUP', 'SIGHUP')
  await nextTurn()
  t.match(io.err(), /read again/)
  process.emit('SIGHUP', 'SIGHUP')
  await nextTurn()
  t.match(io.err(), /The key x does not belong\. The certificate from before stays/)
  t.same(failures, [])
  const [ours] = process.listeners('SIGHUP').filter(listener => !before.includes(listener))
  end()
  t.ok(ours)
  t.notOk(process.listeners('SIGHUP').includes(ours!))
})

t.test('SIGHUP reads the file of API keys again, also when the certificate fails', async t => {
  const io = memoryIo()
  let reloads = 0
  const end = reloadOnHangup({
    reloadTls () { throw new Error('No certificate.') },
    reloadKeys () {
      if (++reloads > 1) throw new Error('Line 2 is no key.')
    }
  }, io)
  t.teardown(end)
  for (let i = 0; i < 2; i++) process.emit('SIGHUP', 'SIGHUP')
  await nextTurn()
  t.equal(reloads, 2)
  t.match(io.err(), /No certificate.*API keys were read again.*Line 2 is no key\. The keys from before stay in use/s)
})

t.test('without TLS and a file of keys the signal has its usual effect', t => {
  const before = process.listeners('SIGHUP')
  reloadOnHangup({ reloadTls: undefined, reloadKeys: undefined }, memoryIo())
  t.same(process.listeners('SIGHUP'), before)
  t.end()
})
