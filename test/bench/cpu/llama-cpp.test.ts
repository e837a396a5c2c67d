import t from 'tap'
import { LlamaCpp, parseBatchedBench, parseBench } from '../../../bench/cpu/llama-cpp.js'

t.test('the rates of its benchmarks are read', async t => {
  t.equal(parseBench('[\n  { "n_prompt": 512, "n_gen": 0, "avg_ts": 350.5, "stddev_ts": 0 }\n]\n'), 350.5)
  const lines = [
    'main: n_kv_max = 8192',
    '{"n_kv_max": 8192, "pp": 128, "tg": 64, "pl": 1, "speed_pp": 402.1, "speed_tg": 38.5}',
    '{"n_kv_max": 8192, "pp": 128, "tg": 64, "pl": 16, "speed_pp": 426.0, "speed_tg": 183.25}', ''
  ]
  t.same([...parseBatchedBench(lines.join('\n'))], [[1, 38.5], [16, 183.25]])
})

t.test('a folder without its programs is refused with their names', async t => {
  const dir = t.testdir({ 'llama-bench': '' })
  t.throws(() => new LlamaCpp(dir, 2), /lacks llama-batched-bench, llama-server/)
})
