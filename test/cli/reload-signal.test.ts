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

t.test('without TLS and a file of keys the signal ends what has a terminal, and a service goes on', async t => {
  const nothing = { reloadTls: undefined, reloadKeys: undefined }
  const before = process.listeners('SIGHUP')
  reloadOnHangup(nothing, memoryIo(), true)
  t.same(process.listeners('SIGHUP'), before, 'its usual effect')
  const io = memoryIo()
  const end = reloadOnHangup(nothing, io, false)
  process.emit('SIGHUP', 'SIGHUP')
  await nextTurn()
  t.match(io.err(), /nothing to read again/)
  end()
  t.same(process.listeners('SIGHUP'), before)
})
