import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { runCli } from '../../src/cli/program.js'
import type { Summary } from '../../src/simulator/summary.js'
import { memoryIo } from '../support/memory-io.js'

const folder = mkdtempSync(join(tmpdir(), 'millrace-simulate-'))
const file = (name: string, text: string): string => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

async function simulate (...argv: string[]): Promise<{ code: number, out: string, err: string }> {
  const io = memoryIo()
  const code = await runCli(['simulate', ...argv], io)
  return { code, out: io.out(), err: io.err() }
}

async function summaries (...argv: string[]): Promise<Array<Summary & { name: string, results?: unknown[] }>> {
  const { code, out, err } = await simulate(...argv, '--json')
  if (code !== 0) throw new Error(err)
  return JSON.parse(out) as Array<Summary & { name: string }>
}

const trace = file('trace.csv', 'arrivalMs,promptTokens,outputTokens,ttftSloMs\n0,100,10,500\n10,50,20,1\n')
const costs = file('costs.json', '{"fixedMs":10,"prefillTokenMs":1,"decodeMs":2,"contextTokenMs":0}')

t.test('a trace gives a line for each policy', async t => {
  const { code, out } = await simulate('--trace', trace, '--costs', costs, '--policy', 'fcfs,sjf')
  t.equal(code, 0)
  t.match(out, /^run +SLO met/)
  t.match(out, /^fcfs +50\.0 %/m)
  t.match(out, /^sjf +50\.0 %/m)
  t.equal(out.trim().split('\n').length, 3)
})

t.test('JSON has the numbers, and each request when asked', async t => {
  const [run] = await summaries('--trace', trace, '--costs', costs, '--policy', 'fcfs', '--request-results')
  t.match(run, { name: 'fcfs', requests: 2, failed: 0, sloMetRatio: 0.5 })
  t.equal(run!.ttftP50Ms, 110, 'the first: a step of 100 tokens')
  t.equal(run!.results!.length, 2)
  t.notOk('results' in (await summaries('--trace', trace))[0]!)
})

t.test('costs are fitted to a table of steps', async t => {
  const rows = Array.from({ length: 600 }, (_, i) => {
    const [prefill, decodes] = [(i * 37) % 256, (i * 13) % 32]
    const context = decodes * ((i * 101) % 900)
    return `${prefill},${decodes},${context},${10 + prefill + 2 * decodes + 0.01 * context}`
  })
  const measured = file('steps.csv', `prefillTokens,decodes,contextTokens,ms\n${rows.join('\n')}\n`)
  const [run] = await summaries('--trace', trace, '--costs', measured, '--policy', 'fcfs')
  t.ok(Math.abs(run!.ttftP50Ms - 110) < 3, `${run!.ttftP50Ms} ms, expected 110`)
  t.match(await simulate('--trace', trace, '--costs', file('steps2.csv', 'prefillTokens,decodes,contextTokens,ms\n1,2,3,x')),
    { code: 2, err: /steps2\.csv, line 2: ms is "x"/ })
})

t.test('the same seed gives the same numbers, another seed others', async t => {
  const made = ['--generate', 'uellm', '--requests', '100', '--policy', 'fcfs', '--seed']
  t.same(await summaries(...made, '3'), await summaries(...made, '3'))
  t.not((await summaries(...made, '3'))[0]!.e2eMeanMs, (await summaries(...made, '4'))[0]!.e2eMeanMs)
})

t.test('every workload can be made', async t => {
  for (const name of ['poisson', 'bursts', 'uellm', 'augserve']) {
    t.match(await summaries('--generate', name, '--requests', '50', '--policy', 'fcfs'), [{ requests: 50, failed: 0 }], name)
  }
})

t.test('requests twice as fast wait longer; fewer are fewer', async t => {
  const made = ['--generate', 'uellm', '--requests', '200', '--policy', 'fcfs']
  t.ok((await summaries(...made, '--speed', '2'))[0]!.ttftMeanMs > (await summaries(...made))[0]!.ttftMeanMs)
  t.equal((await summaries('--trace', trace, '--requests', '1'))[0]!.requests, 1)
})

t.test('the chart is a page with its lines and nothing from elsewhere', async t => {
  const chart = join(folder, 'chart.html')
  await simulate('--generate', 'uellm', '--requests', '50', '--policy', 'fcfs,sjf', '--chart', chart)
  const page = readFileSync(chart, 'utf8')
  t.equal(page.match(/<svg /g)!.length, 2)
  t.equal(page.match(/<polyline /g)!.length, 4, 'two charts of two policies')
  t.notMatch(page, /NaN|Infinity|undefined/)
  t.notMatch(page, /<script|href=|src=/)
})

t.test('what cannot be is refused: usage with 2, a bad trace with 1', async t => {
  t.match(await simulate(), { code: 2, err: /no trace: give --trace/ })
  t.match(await simulate('--trace', trace, '--generate', 'uellm'), { code: 2, err: /cannot be given together/ })
  t.match(await simulate('--generate', 'uelm'), { code: 2, err: /Did you mean uellm\?/ })
  t.match(await simulate('--trace', join(folder, 'none.csv')), { code: 2, err: /none\.csv cannot be read/ })
  t.match(await simulate('--trace', trace, '--policy', 'fcsf'), { code: 2, err: /Did you mean fcfs\?/ })
  t.match(await simulate('--trace', trace, '--rate', '3'), { code: 2, err: /--speed/ })
  t.match(await simulate('--generate', 'uellm', '--length-accuracy', '2'), { code: 2, err: /0 to 1/ })
  t.match(await simulate('--trace', trace, '--max-num-seqs', '64', '--max-batch-tokens', '8'), { code: 2, err: /--max-batch-tokens is 8/ })
  t.match(await simulate('--trace', trace, '--costs', file('c1.json', '{"fixedMs":1}')), { code: 2, err: /c1\.json: contextTokenMs is missing/ })
  t.match(await simulate('--trace', trace, '--costs', file('c2.json', '{"fixdMs":1}')), { code: 2, err: /Did you mean fixedMs/ })
  t.match(await simulate('--trace', file('bad.csv', 'arrivalMs,promptTokens,outputTokens\n0,NaN,1')),
    { code: 1, err: /^millrace: Line 2 of the trace: promptTokens is "NaN"/ })
  const long = await simulate('--trace', trace, '--max-model-len', '80', '--policy', 'fcfs')
  t.match(long, { code: 0, err: /failed: The prompt has 100 tokens/ })
})
