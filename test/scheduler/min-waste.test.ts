import { readFileSync } from 'node:fs'
import t from 'tap'
import { leastWaste, waste, type WaitInput } from '../../src/scheduler/min-waste.js'

interface Golden {
  params: { t_fix: number, t_prefill: number, kv_bytes: number, pcie_bw: number, hide: number }
  /** Context tokens, wait in seconds, others' tokens, the best way, and its waste in byte-seconds; null = impossible. */
  min_waste: Array<[number, number, number, string, Record<'keep' | 'swap' | 'discard', number | null>]>
}

const golden = JSON.parse(readFileSync(new URL('../fixtures/algorithms/augserve.json', import.meta.url), 'utf8')) as Golden
const { t_fix, t_prefill, kv_bytes, pcie_bw, hide } = golden.params

function inputOf (contextTokens: number, waitMs: number, otherTokens: number): WaitInput {
  return {
    contextTokens,
    waitMs,
    otherTokens,
    costs: { fixedMs: t_fix * 1000, prefillTokenMs: t_prefill * 1000, decodeMs: 0, contextTokenMs: 0, prefillContextTokenMs: 0 },
    swap: { tokenMs: kv_bytes / pcie_bw * 1000, hiddenRatio: hide },
    hostFreeTokens: 1e6
  }
}

t.test('the golden cases give the golden decision and waste', async t => {
  for (const [contextTokens, waitSec, otherTokens, best, byteSeconds] of golden.min_waste) {
    const input = inputOf(contextTokens, waitSec * 1000, otherTokens)
    t.equal(leastWaste(input), best)
    if (contextTokens === 0) continue
    const found = waste(input)
    for (const way of ['keep', 'swap', 'discard'] as const) {
      const wanted = byteSeconds[way]
      if (wanted === null) t.equal(found[way], Infinity)
      else t.ok(Math.abs(found[way] * kv_bytes / 1000 / wanted - 1) < 1e-8, `${way} of ${contextTokens} tokens`)
    }
  }
})

t.test('nothing is swapped to a host tier that is too full', async t => {
  const input = inputOf(1000, 28_600, 15_000)
  t.equal(leastWaste(input), 'swap')
  t.equal(leastWaste({ ...input, hostFreeTokens: 999 }), 'discard')
})

t.test('the longer a wait, the less is kept, and never the other way', async t => {
  const ranks = { keep: 0, swap: 1, discard: 1 }
  let last = 0
  for (let waitMs = 0; waitMs < 100_000; waitMs = waitMs * 1.3 + 1) {
    const rank = ranks[leastWaste(inputOf(1000, waitMs, 15_000))]
    if (rank < last) t.fail(`kept again at ${waitMs} ms`)
    last = rank
  }
  t.equal(last, 1)
})
