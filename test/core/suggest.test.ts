import t from 'tap'
import { didYouMean, suggest } from '../../src/core/suggest.js'

const names = ['maxModelLen', 'maxNumSeqs', 'threads', 'seed']

t.test('the nearest name is suggested, and none when none is near', async t => {
  t.equal(suggest('maxModelLength', names), 'maxModelLen')
  t.equal(suggest('thread', names), 'threads')
  t.equal(suggest('MAXNUMSEQS', names), 'maxNumSeqs')
  t.equal(suggest('temperature', names), undefined)
  t.equal(didYouMean('seeed', names), ' Did you mean seed?')
  t.equal(didYouMean('qqqqqqqqqq', names), '')
})

t.test('a name of millions of characters is compared with none', async t => {
  const before = process.cpuUsage().user
  t.equal(suggest('maxModelLen'.repeat(1_000_000), names), undefined)
  t.ok(process.cpuUsage().user - before < 100_000)
})
