import { existsSync } from 'node:fs'
import t from 'tap'
import { busyCores, busyShare, parseCpuTimes, processMemory } from '../../../bench/lib/machine.js'

t.test('busy time is all that is neither idle nor waiting for a disk; guests are not counted twice', async t => {
  const before = parseCpuTimes('cpu  100 10 50 800 40 0 0 0 90 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n')
  t.same(before, { total: 1000, idle: 840 })
  const after = parseCpuTimes('cpu  200 10 100 830 60 0 0 0 190 0\n')
  t.equal(busyShare(before, after), 0.75)
  t.equal(busyShare(before, before), 0)
})

t.test('the machine and this process can be asked', { skip: existsSync('/proc/stat') ? false : 'only where there is /proc' }, async t => {
  const cores = await busyCores(50)
  t.ok(cores >= 0 && cores <= 1024, `${cores}`)
  const { rssBytes, anonymousBytes } = processMemory('self')
  t.ok(rssBytes > anonymousBytes && anonymousBytes > 1e6, `${rssBytes}, ${anonymousBytes}`)
})
