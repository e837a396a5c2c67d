import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { readLengthSet, runLengthSet, type LengthRow } from '../../../bench/predictor/length-set.js'

const instruction = '[System Instruction: You are network-aware. If RTT > 300ms, answer concisely and strictly.]'

/** Answers whose length follows from the link alone. */
function rows (count: number): LengthRow[] {
  return Array.from({ length: count }, (_, index) => {
    const isPoor = index % 3 === 0
    const status = `<rtt>${isPoor ? 420 : 40}ms</rtt>\n  <status>${isPoor ? 'Poor' : 'Excellent'}</status>`
    return {
      text: `What is it?\n\n<network_context>\n  ${status}\n</network_context>`, systemPrompt: `Be kind.\n${instruction}`, promptTokens: 60,
      tokens: isPoor ? 5 : 40, style: isPoor ? 'telegraph' : 'comprehensive'
    } as const
  })
}

t.test('a predictor that is told of the link tells the styles apart, and one that is not cannot', t => {
  const run = runLengthSet(rows(600))
  t.same(run.meanTokens, { comprehensive: 40, telegraph: 5 })
  t.equal(run.whole.byStyle.telegraph!.answers, 100)
  t.ok(run.whole.all.top1Ratio > 0.95, String(run.whole.all.top1Ratio))
  t.ok(run.withoutNetwork.all.top1Ratio < 0.75, String(run.withoutNetwork.all.top1Ratio))
  t.equal(run.whole.byStyle.none, undefined)
  t.end()
})

t.test('a line that is no answer is named', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'length-set-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const path = join(folder, 'lengths.jsonl')
  const [first, second] = rows(2)
  await writeFile(path, [first, { ...second, style: 'other' }].map(row => JSON.stringify(row)).join('\n') + '\n')
  t.throws(() => readLengthSet(path), /line 2 /)
})

t.test('the set of the repository has all styles, and telegrams are the shorter ones', t => {
  const set = readLengthSet('bench/predictor/lengths.jsonl')
  const { meanTokens } = runLengthSet(set)
  t.ok(set.length >= 1000)
  t.ok(meanTokens.telegraph! < 0.5 * meanTokens.comprehensive!)
  t.ok(meanTokens.none! > 0)
  t.end()
})
