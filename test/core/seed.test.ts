import t from 'tap'
import { deriveSeed } from '../../src/core/seed.js'

t.test('the first choice keeps the seed, the others get seeds of their own', async t => {
  t.equal(deriveSeed(42n, 0), 42n)
  const seeds = new Set<bigint>()
  for (let seed = 0n; seed < 100n; seed++) {
    for (let index = 0; index < 100; index++) seeds.add(deriveSeed(seed, index))
  }
  t.equal(seeds.size, 10_000, 'no two of 10,000 alike')
  t.ok([...seeds].every(seed => seed >= 0n && seed < 1n << 64n))
})

t.test('derived seeds are those of SplitMix64', async t => {
  // The first two outputs of the reference implementation (splitmix64.c, state 0).
  t.equal(deriveSeed(0n, 1), 0xe220a8397b1dcdafn)
  t.equal(deriveSeed(0n, 2), 0x6e789e6aa1b965f4n)
})
