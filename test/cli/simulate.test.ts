import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { runCli } from '../../src/cli/program.js'
import { engineOptions } from '../../src/engine/options.js'
import type { RequestResult } from '../../src/simulator/request-result.js'
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

t.test('prompts beside answers are cut as the engine cuts them, so that a step ends in time', async t => {
  const beside = file('beside.csv', 'arrivalMs,promptTokens,outputTokens\n0,16,200\n300,960,1\n')
  const ttftMs = async (...argv: string[]): Promise<number> => {
    const [run] = await summaries('--trace', beside, '--costs', costs, '--policy', 'fcfs', '--max-batch-tokens', '1024', '--request-results', ...argv)
    return (run!.results as RequestResult[])[1]!.ttftMs
  }
  const [usual, long] = [await ttftMs(), await ttftMs('--max-step-ms', '2000')]
  // A step without prompts takes 12 ms: 60 ms are the target, for which a chunk is 64 tokens at the least.
  t.ok(usual >= 15 * (64 + 12) && usual < 15 * (64 + 12) + 24, `${usual} ms in 15 chunks`)
  t.ok(long >= 972 && long < 972 + 24, `${long} ms in one step`)
})

t.test('memory is kept free for growth, and the KV of what gives way goes to the host tier, as in the engine', async t => {
  const scarce = ['--generate', 'uellm', '--requests', '120', '--length-accuracy', '0.57', '--kv-tokens', '3000', '--policy', 'adaptive']
  const run = async (...argv: string[]): Promise<Summary> => (await summaries(...scarce, ...argv))[0]!
  const [none, usual, all] = [await run('--reserve-ratio', '0'), await run(), await run('--reserve-ratio', '1')]
  t.same(usual, await run('--reserve-ratio', String(engineOptions.reserveRatio.default)), 'the default is the engine\'s')
  t.ok(none.preemptions > usual.preemptions && usual.preemptions > all.preemptions,
    `preemptions: ${none.preemptions} without a reserve, ${usual.preemptions}, ${all.preemptions} with all that is expected`)
  const off = await run('--kv-swap-tokens', '0')
  t.same(usual, await run('--kv-swap-tokens', '750'), 'a quarter of the KV cache')
  t.not(usual.e2eMeanMs, off.e2eMeanMs, 'it is used')
  t.same(await run('--swap-token-ms', '1000'), off, 'unless copies are slow')
})

t.test('with pacing everybody begins at once, and is written as fast as he reads', async t => {
  const three = file('three.csv', 'arrivalMs,promptTokens,outputTokens\n0,10,40\n0,10,40\n0,10,40\n')
  const argv = ['--trace', three, '--costs', costs, '--policy', 'fcfs', '--max-num-seqs', '1']
  const [waiting] = await summaries(...argv)
  const [paced] = await summaries(...argv, '--pacing', 'qoe')
  const [two] = await summaries(...argv, '--pacing', 'qoe', '--max-resident-seqs', '2')
  t.ok(waiting!.ttftP99Ms > 800, `the last waits for two answers: ${waiting!.ttftP99Ms} ms`)
  t.ok(paced!.ttftP99Ms < 150, `${paced!.ttftP99Ms} ms`)
  t.ok(two!.ttftP99Ms > 400, `with two places the third waits: ${two!.ttftP99Ms} ms`)
  const [slow, fast] = await Promise.all(['1', '1000'].map(async rate => (await summaries(...argv, '--pacing', 'qoe', '--reading-tokens-per-sec', rate))[0]!))
  t.not(slow!.e2eP50Ms, fast!.e2eP50Ms, 'who reads slowly is written later')
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
  t.match(await simulate('--trace', trace, '--reserve-ratio', '2'), { code: 2, err: /reserveRatio is "2"; it must be a number from 0 to 1/ })
  t.match(await simulate('--trace', trace, '--max-step-ms', '0'), { code: 2, err: /maxStepMs is "0"/ })
  t.match(await simulate('--trace', trace, '--pacing', 'gentle'), { code: 2, err: /pacing is "gentle"; it must be one of none, qoe/ })
  t.match(await simulate('--trace', trace, '--max-resident-seqs', '64'), { code: 2, err: /maxResidentSeqs is 64, but pacing is none/ })
  t.match(await simulate('--trace', trace, '--pacing', 'qoe', '--max-resident-seqs', '8'), { code: 2, err: /maxResidentSeqs is 8, fewer than the 32/ })
  t.match(await simulate('--trace', trace, '--kv-swap-tokens', '-1'), { code: 2, err: /--kv-swap-tokens is "-1"/ })
  t.match(await simulate('--trace', trace, '--swap-token-ms', 'fast'), { code: 2, err: /--swap-token-ms is "fast"/ })
  const long = await simulate('--trace', trace, '--max-model-len', '80', '--policy', 'fcfs')
  t.match(long, { code: 0, err: /failed: The prompt has 100 tokens/ })
})
