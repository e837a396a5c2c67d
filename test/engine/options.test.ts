import { availableParallelism } from 'node:os'
import t from 'tap'
import { parseDeviceMap, checkDeviceMap } from '../../src/engine/device-map.js'
import { readMachine } from '../../src/engine/machine.js'
import { planMemory, type MemoryInput } from '../../src/engine/memory-plan.js'
import { memoryPools } from '../../src/engine/memory-pools.js'
import { engineOptions, flagOf, parseEngineOptions } from '../../src/engine/options.js'

t.test('options left out take their defaults, and texts from flags are read', async t => {
  t.match(parseEngineOptions({}), { maxNumSeqs: 32, maxBatchTokens: 256, prefixCaching: true, kvDtype: 'auto' })
  const parsed = parseEngineOptions({ kvCacheMemory: '2GiB', maxModelLen: '4096' as never, prefixCaching: 'false' as never })
  t.equal(parseEngineOptions({ kvSwapMemory: '0' }).kvSwapMemory, 0)
  t.match(parsed, { kvCacheMemory: 2 ** 31, maxModelLen: 4096, prefixCaching: false })
  t.match(parseEngineOptions({ quantize: 'int4', quantizeGroup: '128' as never }), { quantize: 'int4', quantizeGroup: 128 })
  t.equal(flagOf('kvCacheMemory'), '--kv-cache-memory')
})

t.test('a wrong option names itself, what it may be, and the nearest name', async t => {
  const cases: Array<[Record<string, unknown>, RegExp]> = [
    [{ maxModelLength: 1 }, /no option maxModelLength\. Did you mean maxModelLen\?/],
    [{ maxNumSeqs: 0 }, /maxNumSeqs is 0; it must be a whole number from 1 to 4096 \(--max-num-seqs\)/],
    [{ threads: 'many' }, /threads is "many"/],
    [{ kvCacheMemory: '2 apples' }, /such as 2GiB/],
    [{ kvCacheMemory: 0 }, /above 0/],
    [{ kvSwapMemory: -1 }, /or 0/],
    [{ kvDtype: 'int3' }, /one of auto, f32, f16, bf16/],
    [{ quantize: 'int2' }, /one of none, int8, int4/],
    [{ quantize: 'int4', quantizeGroup: 48 }, /quantizeGroup is 48; it must be one of 32, 64, 128 \(--quantize-group\)/],
    [{ quantize: 'int8', quantizeGroup: 64 }, /quantizeGroup is 64, but quantize is int8/],
    [{ prefixCaching: 1 }, /true or false/],
    [{ servedModelName: '' }, /not empty/],
    [{ maxNumSeqs: 64, maxBatchTokens: 32 }, /maxBatchTokens is 32.*maxNumSeqs \(64\)/],
    [{ pacing: 'fast' }, /one of none, qoe/],
    [{ maxResidentSeqs: 64 }, /maxResidentSeqs is 64, but pacing is none.*add --pacing qoe/],
    [{ readingTokensPerSec: 5 }, /readingTokensPerSec is 5, but pacing is none/],
    [{ pacing: 'qoe', maxResidentSeqs: 16 }, /maxResidentSeqs is 16, fewer than the 32 sequences of a step/],
    [{ pacing: 'qoe', readingTokensPerSec: 'slow' }, /readingTokensPerSec is "slow"; it must be a number from 0.1 to 1000/],
    [{ reserveRatio: 1.5 }, /reserveRatio is 1.5; it must be a number from 0 to 1 \(--reserve-ratio\)/],
    [{ device: 'cpu:1', deviceMap: 'cpu:0=0-1' }, /cannot be given together/]
  ]
  for (const [options, message] of cases) {
    t.throws(() => parseEngineOptions(options), { code: 'ERR_INVALID_OPTION', message })
  }
})

t.test('every option has a description and a default that its own schema accepts', async t => {
  for (const [name, schema] of Object.entries(engineOptions)) {
    t.match(schema.description, /\.$/, name)
    if ('default' in schema) t.doesNotThrow(() => parseEngineOptions({ [name]: schema.default }))
  }
})

t.test('a device map is read from flags and from JSON alike', async t => {
  const stages = [{ start: 0, end: 14, devices: ['cpu:0'] }, { start: 14, end: 28, devices: ['cpu:0', 'cpu:1'] }]
  t.same(parseDeviceMap('cpu:0=0-13,cpu:0+cpu:1=14-27'), stages)
  t.same(parseDeviceMap(JSON.stringify(stages)), stages)
  t.same(parseDeviceMap(stages), stages)
  for (const wrong of ['cpu:0', 'cpu:0=3', '[1]', '[', '[]', 7]) t.throws(() => parseDeviceMap(wrong), { code: 'ERR_INVALID_OPTION' })
})

t.test('a device map takes every layer once, in order', async t => {
  const stage = (start: number, end: number) => ({ start, end, devices: ['cpu:0'] })
  t.doesNotThrow(() => { checkDeviceMap([stage(0, 2), stage(2, 4)], 4) })
  t.throws(() => { checkDeviceMap([stage(0, 2), stage(3, 4)], 4) }, { message: /layers 3 to 3 where layer 2 is next/ })
  t.throws(() => { checkDeviceMap([stage(0, 2), stage(1, 4)], 4) }, { message: /layers 1 to 3 where layer 2 is next/ })
  t.throws(() => { checkDeviceMap([stage(0, 3)], 4) }, { message: /ends with layer 2; the model's last layer is 3/ })
})

const gib = 2 ** 30
/** With what products take on a card. */
const cardWorkspace = gib / 4 + 96 * 2 ** 20
const machine = (available: number) => ({ availableBytes: available, limitBytes: 8 * gib, limitedBy: 'cgroup' as const, threads: 2 })
const input = (extra: Partial<MemoryInput>): MemoryInput => ({
  machine: machine(8 * gib),
  weightsBytes: gib,
  workspaceBytes: gib / 4,
  kvBytesPerToken: 64 * 1024,
  blockTokens: 16,
  maxPositions: 32768,
  maxNumSeqs: 4,
  maxModelLen: undefined,
  kvCacheMemory: undefined,
  kvSwapMemory: undefined,
  ...extra
})

t.test('the KV cache takes half of what the weights leave, or what the sequences can need', async t => {
  const left = 8 * gib * 0.95 - gib - gib / 4
  const plan = planMemory(input({}))
  t.equal(plan.kvBlocks, Math.floor(left / 2 / (16 * 64 * 1024)))
  t.equal(plan.maxModelLen, 32768)
  const capped = planMemory(input({ maxModelLen: 1024 }))
  t.equal(capped.kvBlocks, 4 * (1024 / 16 + 1))
})

t.test('a card keeps 96 MiB for its products beside the workspace of the host', async t => {
  const pool = { name: 'cuda:0', isHost: false, availableBytes: 8 * gib, limitBytes: 8 * gib, share: 1, workspaces: 2 }
  const left = 8 * gib * 0.95 - gib - 2 * cardWorkspace
  t.equal(planMemory(input({ pools: [pool], maxNumSeqs: 64 })).kvBlocks, Math.floor(left / (16 * 64 * 1024)))
})

t.test('a quarter of the KV cache, at most 4 GiB, is for sequences that are swapped out', async t => {
  const blockBytes = 16 * 64 * 1024
  const plan = planMemory(input({}))
  t.equal(plan.kvHostBlocks, Math.floor(plan.kvBlocks / 4))
  t.equal(plan.kvHostBytes, plan.kvHostBlocks * blockBytes)
  const large = planMemory(input({ machine: machine(64 * gib), maxNumSeqs: 64 }))
  t.equal(large.kvHostBytes, 4 * gib)
  t.equal(planMemory(input({ kvSwapMemory: 0 })).kvHostBlocks, 0)
  t.equal(planMemory(input({ kvSwapMemory: 3 * blockBytes + 1 })).kvHostBytes, 3 * blockBytes)
  const full = planMemory(input({ kvCacheMemory: 6 * gib }))
  t.ok(full.kvHostBytes < 0.4 * gib, 'what the cache leaves')
})

t.test('of cards that differ, the one with the least room for its share decides the KV cache, and is named when it is too small', async t => {
  const card = (name: string, freeGib: number) => ({ name, memoryBytes: 24 * gib, freeBytes: freeGib * gib, reason: '' })
  const cards = (...free: number[]) => ({ ...machine(64 * gib), cards: free.map((freeGib, i) => card(`cuda:${i}`, freeGib)) })
  const plan = (map: string, free: number[]) => {
    const host = cards(...free)
    return planMemory(input({ machine: host, pools: memoryPools(parseDeviceMap(map), 4, host), maxNumSeqs: 400 }))
  }
  const blockBytes = 16 * 64 * 1024
  const blocks = (freeGib: number, share: number) =>
    Math.floor((freeGib * gib * 0.95 - gib * share - cardWorkspace) / share / blockBytes)
  // Three layers on the first, one on the second.
  t.equal(plan('cuda:0=0-2,cuda:1=3-3', [20, 8]).kvBlocks, blocks(20, 0.75))
  t.equal(plan('cuda:0=0-2,cuda:1=3-3', [20, 4]).kvBlocks, blocks(4, 0.25))
  t.equal(plan('cuda:0+cuda:1=0-3', [20, 8]).kvBlocks, blocks(8, 0.5), 'split layers are halves, whatever the cards have')
  const both = plan('cuda:0=0-2,cuda:1+cuda:0=3-3', [20, 2])
  t.equal(both.kvBlocks, Math.min(blocks(2, 0.125), Math.floor((20 * gib * 0.95 - gib * 0.875 - 2 * cardWorkspace) / 0.875 / blockBytes)), 'a workspace for each stage')
  t.throws(() => plan('cuda:0=0-2,cuda:1=3-3', [20, 0.25]), { code: 'ERR_OUT_OF_MEMORY', message: /cuda:1 has 24\.00 GiB.*spread it over more devices/ })
  t.throws(() => plan('cuda:0=0-2,cuda:1=3-3', [1, 8]), { code: 'ERR_OUT_OF_MEMORY', message: /weights 768\.0 MiB.*cuda:0 has/ })
})

t.test('weights count on a card as the card keeps them, and beside it as the CPU does', async t => {
  const host = { ...machine(64 * gib), cards: [{ name: 'cuda:0', memoryBytes: 24 * gib, freeBytes: 20 * gib, reason: '' }] }
  const plan = (map: string, cardWeightsBytes: number, free: number) => planMemory(input({
    machine: host, cardWeightsBytes, pools: memoryPools(parseDeviceMap(map), 4, { ...host, cards: [{ ...host.cards[0]!, freeBytes: free * gib }] }), maxNumSeqs: 400
  }))
  const blockBytes = 16 * 64 * 1024
  t.equal(plan('cuda:0=0-3', 3 * gib, 20).kvBlocks, Math.floor((20 * gib * 0.95 - 3 * gib - cardWorkspace) / blockBytes))
  t.throws(() => plan('cuda:0=0-3', 3 * gib, 3), { code: 'ERR_OUT_OF_MEMORY', message: /weights 3\.00 GiB/ })
  t.equal(plan('cuda:0=0-1,cpu:0=2-3', 3 * gib, 4).kvBlocks, Math.floor((4 * gib * 0.95 - 1.5 * gib - cardWorkspace) / 0.5 / blockBytes))
})

t.test('memory for swapped-out sequences that was asked for is found, or its lack is an error', async t => {
  const left = 8 * gib * 0.95 - gib - gib / 4
  const plan = planMemory(input({ kvSwapMemory: 2 * gib }))
  t.equal(plan.kvBlocks, Math.floor((left - 2 * gib) / 2 / (16 * 64 * 1024)))
  t.throws(() => planMemory(input({ kvSwapMemory: 7 * gib })), {
    code: 'ERR_OUT_OF_MEMORY', message: /KV swap 7\.00 GiB \+ workspace.*Lower --kv-swap-memory/
  })
})

t.test('the context shrinks to what the KV cache holds, unless it was asked for', async t => {
  const small = machine(3 * gib)
  const plan = planMemory(input({ machine: small }))
  t.ok(plan.maxModelLen < 32768)
  t.equal(plan.maxModelLen, plan.kvBlocks * 16)
  t.throws(() => planMemory(input({ machine: small, maxModelLen: 32768 })), { code: 'ERR_OUT_OF_MEMORY' })
})

t.test('a model that does not fit is refused with the arithmetic and a remedy', async t => {
  t.throws(() => planMemory(input({ machine: machine(gib) })), {
    code: 'ERR_OUT_OF_MEMORY',
    message: /weights 1\.00 GiB \+ KV cache for 2048 tokens 128\.0 MiB \(64\.0 KiB each\) \+ workspace 256\.0 MiB = 1\.38 GiB, but 972\.8 MiB can be used \(95 % of the 1\.00 GiB that are free; the cgroup has 8\.00 GiB.*smaller/
  })
  t.throws(() => planMemory(input({ kvCacheMemory: 20 * gib })), { code: 'ERR_OUT_OF_MEMORY', message: /Lower --kv-cache-memory/ })
  t.throws(() => planMemory(input({ kvCacheMemory: 2 ** 20, maxModelLen: 1024 })), { code: 'ERR_INVALID_OPTION', message: /holds 16 tokens.*one sequence of 1024/ })
  t.throws(() => planMemory(input({ maxModelLen: 40000 })), { code: 'ERR_INVALID_OPTION', message: /trained for 32768/ })
})

t.test('limits are those of the cgroup, whichever version', async t => {
  const files = (entries: Record<string, string>) => (path: string) => entries[path.replace('/sys/fs/cgroup/', '')]
  const two = readMachine(files({
    'memory.max': '104857600\n', 'memory.current': '52428800\n', 'memory.stat': 'anon 1\ninactive_file 10485760\n', 'cpu.max': '50000 100000\n'
  }))
  t.match(two, { limitBytes: 104857600, limitedBy: 'cgroup', availableBytes: 104857600 - 41943040, threads: 1 })
  const one = readMachine(files({
    'memory/memory.limit_in_bytes': '104857600', 'memory/memory.usage_in_bytes': '4857600', 'cpu/cpu.cfs_quota_us': '-1', 'cpu/cpu.cfs_period_us': '100000'
  }))
  t.match(one, { limitBytes: 104857600, availableBytes: 100000000 })
  t.equal(readMachine(files({ 'memory.max': 'max', 'cpu.max': 'max 100000' })).limitedBy, 'system')
  const throttled = readMachine(files({ 'cpu/cpu.cfs_quota_us': '20000', 'cpu/cpu.cfs_period_us': '100000' }))
  t.equal(throttled.threads, 1, 'a fifth of a core is one thread')
  t.equal(readMachine(() => undefined).limitedBy, 'system')
})

t.test('the tightest limit of a group and those around it counts', async t => {
  const nested = (entries: Record<string, string>) => readMachine(path => entries[path.replace('/sys/fs/cgroup/', '')])
  const two = nested({
    '/proc/self/cgroup': '0::/machine.slice/job.scope\n',
    'machine.slice/memory.max': '209715200',
    'machine.slice/memory.current': '20971520',
    'machine.slice/job.scope/memory.max': 'max',
    'machine.slice/job.scope/cpu.max': '90000 100000'
  })
  t.match(two, { limitBytes: 209715200, availableBytes: 209715200 - 20971520, limitedBy: 'cgroup', threads: 1 })
  const one = nested({
    '/proc/self/cgroup': '5:cpu,cpuacct:/batch/job\n4:memory:/batch/job\n',
    'cpu,cpuacct/batch/cpu.cfs_quota_us': '100000',
    'cpu,cpuacct/batch/cpu.cfs_period_us': '100000',
    'cpu,cpuacct/batch/job/cpu.cfs_quota_us': '-1',
    'cpu,cpuacct/batch/job/cpu.cfs_period_us': '100000',
    'memory/batch/job/memory.limit_in_bytes': '104857600',
    'memory/batch/job/memory.usage_in_bytes': '4857600'
  })
  t.match(one, { limitBytes: 104857600, availableBytes: 100000000, threads: 1 })
  const elsewhere = nested({ '/proc/self/cgroup': '0::/of/the/host\n', 'cpu.max': '50000 100000' })
  t.equal(elsewhere.threads, 1, 'in a container the root is its own group')
})

t.test('a quota of a part of a core counts as a whole one', async t => {
  const { threads } = readMachine(path => path.endsWith('cpu.max') ? `${(availableParallelism() - 0.5) * 100000} 100000` : undefined)
  t.equal(threads, availableParallelism())
})
