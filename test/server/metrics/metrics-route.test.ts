import t, { type Test } from 'tap'
import type { Engine } from '../../../src/engine/engine.js'
import { buildServer, type BuiltServer } from '../../../src/server/index.js'
import { boundText } from '../../../src/server/metrics/engine-collector.js'
import { FakeEngine } from '../../support/fake-engine.js'
import { injectable } from '../../support/http.js'
import { loadTinyEngine } from '../../support/tiny-engine.js'

interface Family {
  type: string
  help: string
  /** Without `le`, of the first sample. */
  labels: string[]
  /** Texts of `le`, of a histogram. */
  bounds: string[]
  samples: Map<string, number>
}

/** A strict reader of the text format: what it cannot read is an error. */
function parse (text: string): Map<string, Family> {
  const families = new Map<string, Family>()
  let family: Family | undefined
  let familyName = ''
  for (const line of text.split('\n')) {
    if (line === '') continue
    const help = /^# HELP (\S+) (.+)$/.exec(line)
    const type = /^# TYPE (\S+) (counter|gauge|histogram|summary)$/.exec(line)
    if (help !== null) {
      familyName = help[1]!
      if (families.has(familyName)) throw new Error(`${familyName} comes twice`)
      family = { type: '', help: help[2]!, labels: [], bounds: [], samples: new Map() }
      families.set(familyName, family)
    } else if (type !== null) {
      family!.type = type[2]!
    } else {
      const sample = /^([a-z_:][\w:]*)(?:\{((?:[a-z_]\w*="(?:[^"\\]|\\.)*",?)*)\})? (\S+)$/.exec(line)
      if (sample === null) throw new Error(`not a sample: ${line}`)
      const [, name, labels = '', value] = sample
      const suffix = name!.slice(familyName.length)
      const suffixes = { histogram: ['_bucket', '_sum', '_count'], summary: ['_sum', '_count'] }[family!.type] ?? ['']
      if (!name!.startsWith(familyName) || !suffixes.includes(suffix)) throw new Error(`${name} is not of ${familyName}`)
      if (Number.isNaN(Number(value!.replace('+Inf', 'Infinity')))) throw new Error(`no number: ${line}`)
      if (family!.samples.has(`${suffix}{${labels}}`)) throw new Error(`twice: ${line}`)
      family!.samples.set(`${suffix}{${labels}}`, Number(value))
      const names = [...labels.matchAll(/([a-z_]\w*)="((?:[^"\\]|\\.)*)"/g)].map(([, label, content]) => [label!, content!] as const)
      if (family!.labels.length === 0) family!.labels = names.map(([label]) => label).filter(label => label !== 'le')
      if (suffix === '_bucket') {
        const bound = names.find(([label]) => label === 'le')![1]
        if (!family!.bounds.includes(bound)) family!.bounds.push(bound)
      }
    }
  }
  return families
}

async function scrape ({ app }: BuiltServer): Promise<Map<string, Family>> {
  const response = await app.inject('/metrics')
  if (response.statusCode !== 200) throw new Error(response.payload)
  return parse(response.payload)
}

/** Of a metric of one engine without labels of its own. */
const valueOf = (families: Map<string, Family>, name: string, labels = '', suffix = ''): number | undefined =>
  families.get(name)?.samples.get(`${suffix}{model_name="qwen3",engine="0"${labels}}`)

async function withEngine (t: Test): Promise<{ engine: Engine, server: BuiltServer }> {
  const engine = await loadTinyEngine({ maxModelLen: 256 })
  const server = await injectable(t, engine)
  t.teardown(async () => { await engine.close() })
  return { engine, server }
}

const latency = '0.3 0.5 0.8 1.0 1.5 2.0 2.5 5.0 10.0 15.0 20.0 30.0 40.0 50.0 60.0 120.0 240.0 480.0 960.0 1920.0 7680.0'
const interToken = '0.01 0.025 0.05 0.075 0.1 0.15 0.2 0.3 0.4 0.5 0.75 1.0 2.5 5.0 7.5 10.0 20.0 40.0 80.0'
const upTo256 = '1.0 2.0 5.0 10.0 20.0 50.0 100.0 200.0'

/** What dashboards, autoscalers and routers made for vLLM look for: name, type, labels beside the engine's, ends of ranges. */
const pinned: ReadonlyArray<readonly [string, string, string, string?]> = [
  ['vllm:num_requests_running', 'gauge', ''],
  ['vllm:num_requests_waiting', 'gauge', ''],
  ['vllm:num_requests_waiting_by_reason', 'gauge', 'reason'],
  ['vllm:kv_cache_usage_perc', 'gauge', ''],
  ['vllm:cache_config_info', 'gauge', 'block_size cache_dtype enable_prefix_caching num_cpu_blocks num_gpu_blocks'],
  ['vllm:num_preemptions_total', 'counter', ''],
  ['vllm:prompt_tokens_total', 'counter', ''],
  ['vllm:prompt_tokens_by_source_total', 'counter', 'source'],
  ['vllm:prompt_tokens_cached_total', 'counter', ''],
  ['vllm:generation_tokens_total', 'counter', ''],
  ['vllm:request_success_total', 'counter', 'finished_reason'],
  ['vllm:prefix_cache_queries_total', 'counter', ''],
  ['vllm:prefix_cache_hits_total', 'counter', ''],
  ['vllm:spec_decode_num_drafts_total', 'counter', ''],
  ['vllm:spec_decode_num_draft_tokens_total', 'counter', ''],
  ['vllm:spec_decode_num_accepted_tokens_total', 'counter', ''],
  ['vllm:spec_decode_num_accepted_tokens_per_pos_total', 'counter', 'position'],
  ['vllm:corrupted_requests_total', 'counter', ''],
  ['vllm:tool_call_parser_invocations_total', 'counter', 'mode outcome request_type'],
  ['vllm:time_to_first_token_seconds', 'histogram', '',
    '0.001 0.005 0.01 0.02 0.04 0.06 0.08 0.1 0.25 0.5 0.75 1.0 2.5 5.0 7.5 10.0 20.0 40.0 80.0 160.0 640.0 2560.0'],
  ['vllm:inter_token_latency_seconds', 'histogram', '', interToken],
  ['vllm:request_time_per_output_token_seconds', 'histogram', '', interToken],
  ['vllm:e2e_request_latency_seconds', 'histogram', '', latency],
  ['vllm:request_queue_time_seconds', 'histogram', '', latency],
  ['vllm:request_inference_time_seconds', 'histogram', '', latency],
  ['vllm:request_prefill_time_seconds', 'histogram', '', latency],
  ['vllm:request_decode_time_seconds', 'histogram', '', latency],
  ['vllm:iteration_tokens_total', 'histogram', '', '1.0 8.0 16.0 32.0 64.0 128.0 256.0 512.0 1024.0 2048.0 4096.0 8192.0 16384.0'],
  ['vllm:request_prompt_tokens', 'histogram', '', upTo256],
  ['vllm:request_generation_tokens', 'histogram', '', upTo256],
  ['vllm:request_max_num_generation_tokens', 'histogram', '', upTo256],
  ['vllm:request_params_max_tokens', 'histogram', '', upTo256],
  ['vllm:request_params_n', 'histogram', '', '1.0 2.0 5.0 10.0 20.0'],
  ['vllm:request_prefill_kv_computed_tokens', 'histogram', '', upTo256]
]

t.test('vLLM\'s metrics have its names, types, labels and ranges, and there are no others of that name', async t => {
  const { server } = await withEngine(t)
  const families = await scrape(server)
  for (const [name, type, labels, bounds] of pinned) {
    const family = families.get(name)
    t.ok(family, name)
    t.equal(family!.type, type, name)
    t.same(family!.labels, ['model_name', 'engine', ...labels === '' ? [] : labels.split(' ')], name)
    if (bounds !== undefined) t.same(family!.bounds, [...bounds.split(' '), '+Inf'], name)
  }
  t.same([...families.keys()].filter(name => name.startsWith('vllm:')).sort(), pinned.map(([name]) => name).sort())
  t.same([...families.get('vllm:request_success_total')!.samples.keys()].map(key => /finished_reason="(\w+)"/.exec(key)![1]),
    ['stop', 'length', 'abort', 'error', 'repetition'])
})

t.test('what requests did is there: tokens, latencies, ends, steps, predictions, HTTP', async t => {
  const { engine, server } = await withEngine(t)
  const before = await scrape(server)
  const response = await server.app.inject({
    method: 'POST', url: '/v1/completions', payload: { model: 'qwen3', prompt: [1, 2, 3], max_tokens: 7, ignore_eos: true, slo: { deadline_ms: 60_000 } }
  })
  t.equal(response.statusCode, 200)
  const after = await scrape(server)
  const grew = (name: string, labels = '', suffix = ''): number => valueOf(after, name, labels, suffix)! - valueOf(before, name, labels, suffix)!
  t.equal(grew('vllm:prompt_tokens_total'), 3)
  t.equal(grew('vllm:generation_tokens_total'), 7)
  t.equal(grew('vllm:request_success_total', ',finished_reason="length"'), 1)
  t.equal(grew('vllm:time_to_first_token_seconds', '', '_count'), 1)
  t.equal(grew('vllm:inter_token_latency_seconds', ',le="+Inf"', '_bucket'), 6)
  t.equal(grew('vllm:e2e_request_latency_seconds', ',le="7680.0"', '_bucket'), 1)
  t.equal(grew('millrace:slo_requests_total', ',outcome="met"'), 1)
  t.equal(grew('millrace:length_answers_total', ',kind="censored"'), 1)
  t.equal(grew('millrace:steps_total'), 7)
  t.equal(valueOf(after, 'vllm:kv_cache_usage_perc'), 0)
  const { totalBlocks } = engine.stats().kv
  t.equal(['used', 'cached', 'free'].reduce((sum, state) => sum + valueOf(after, 'millrace:kv_blocks', `,state="${state}"`)!, 0), totalBlocks)
  t.match(after.get('vllm:cache_config_info')!.samples.keys().next().value, `num_gpu_blocks="${totalBlocks}"`)
  t.equal(after.get('http_requests_total')!.samples.get('{method="POST",status="2xx",handler="/v1/completions"}'), 1)
  t.equal(after.get('http_request_duration_seconds')!.samples.get('_count{method="POST",handler="/v1/completions"}'), 1)
  t.equal(after.get('http_request_duration_highr_seconds')!.samples.get('_count{}'), 1, 'scrapes do not count')
  await server.app.inject('/nonsense')
  t.equal((await scrape(server)).get('http_requests_total')!.samples.get('{method="GET",status="4xx",handler="none"}'), 1, 'paths that nobody knows share a name')
})

t.test('several scrapers at once, and one after the other, see the same and take nothing from each other', async t => {
  const { server } = await withEngine(t)
  await server.app.inject({ method: 'POST', url: '/v1/completions', payload: { model: 'qwen3', prompt: [1, 2, 3], max_tokens: 5 } })
  const engineLines = (text: string): string => text.split('\n').filter(line => /^(vllm|millrace):/.test(line)).join('\n')
  const texts = await Promise.all([1, 2, 3].map(async () => (await server.app.inject('/metrics')).payload))
  t.equal(engineLines(texts[0]!), engineLines(texts[1]!))
  t.equal(engineLines(texts[1]!), engineLines(texts[2]!))
  t.equal(engineLines((await server.app.inject('/metrics')).payload), engineLines(texts[0]!))
  t.ok(engineLines(texts[0]!).length > 1000)
})

t.test('ranges count upwards and end with all, and their sum and count agree', async t => {
  const { server } = await withEngine(t)
  await server.app.inject({ method: 'POST', url: '/v1/completions', payload: { model: 'qwen3', prompt: [1, 2, 3], max_tokens: 20, n: 3 } })
  for (const [name, { type, samples }] of await scrape(server)) {
    if (type !== 'histogram') continue
    const series = new Map<string, number[]>()
    for (const [key, value] of samples) {
      if (!key.startsWith('_bucket')) continue
      const rest = key.slice('_bucket'.length).replace(/le="[^"]*",?/, '').replace(',}', '}')
      series.set(rest, [...series.get(rest) ?? [], value])
    }
    for (const [labels, counts] of series) {
      t.same(counts, [...counts].sort((a, b) => a - b), `${name}${labels} rises`)
      t.equal(counts.at(-1), samples.get(`_count${labels}`), name)
    }
  }
})

t.test('what the server generates to see whether it can is in no metric of requests and tokens', async t => {
  const { engine, server } = await withEngine(t)
  t.ok(engine.stats().steps.steps > 0, 'it has generated')
  // Whatever was learnt before does not count, so that it asks the engine again.
  server.host.suspect()
  const { steps } = engine.stats().steps
  t.equal((await server.app.inject('/health')).statusCode, 200)
  t.ok(engine.stats().steps.steps > steps, 'and again')
  const counted: string[] = []
  for (const [name, { type, samples }] of await scrape(server)) {
    // Steps are work of the device, whoever asked for it.
    if (!/^(vllm|millrace):/.test(name) || type === 'gauge' || /step|iteration_tokens/.test(name)) continue
    for (const [labels, value] of samples) if (value !== 0) counted.push(`${name}${labels} ${value}`)
  }
  t.same(counted, [])
})

t.test('the key is needed, the format is that of Prometheus, and no cache keeps it', async t => {
  const { app } = await injectable(t, new FakeEngine(), { apiKeys: ['right'] })
  t.equal((await app.inject('/metrics')).statusCode, 401)
  const response = await app.inject({ url: '/metrics', headers: { authorization: 'Bearer right' } })
  t.equal(response.statusCode, 200)
  t.equal(response.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
  t.equal(response.headers['cache-control'], 'no-store')
  t.equal((await app.inject({ method: 'POST', url: '/metrics', headers: { authorization: 'Bearer right' } })).statusCode, 405)
})

t.test('while the model is being loaded there are the process\'s metrics only', async t => {
  let loaded!: (engine: FakeEngine) => void
  const server = buildServer({ modelNames: ['fake'], engine: new Promise<FakeEngine>(resolve => { loaded = resolve }), progress: () => 0.5 }, { logLevel: 'silent' })
  t.teardown(async () => { await server.app.close() })
  const families = await scrape(server)
  t.equal(families.get('vllm:num_requests_running')!.samples.size, 0)
  t.ok(families.get('process_resident_memory_bytes')!.samples.get('{}')! > 1e6)
  loaded(new FakeEngine())
  await server.host.settled
  t.equal((await scrape(server)).get('vllm:num_requests_running')!.samples.size, 0, 'an engine that measures nothing has no samples')
})

t.test('a model\'s name cannot break the format', async t => {
  const engine = await loadTinyEngine({ servedModelName: 'a"b\\c\nd' })
  const server = await injectable(t, engine)
  t.teardown(async () => { await engine.close() })
  t.ok((await scrape(server)).get('vllm:num_requests_running')!.samples.has('{model_name="a\\"b\\\\c\\nd",engine="0"}'))
})

t.test('ends of ranges are spelt as Python servers spell them', t => {
  t.same([1, 0.25, 16384, 500_000, 1e6, 2e6, 5e7].map(boundText), ['1.0', '0.25', '16384.0', '500000.0', '1e+06', '2e+06', '5e+07'])
  t.end()
})
