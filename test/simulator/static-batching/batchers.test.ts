import { readFileSync } from 'node:fs'
import t from 'tap'
import { fifoBatches, ljfBatches, s3Batches, sjfBatches } from '../../../src/simulator/static-batching/baselines.js'
import { batchSec, deadlineBatches, deadlineDefaults, odbsDefaults, type DeadlineOptions } from '../../../src/simulator/static-batching/deadline-profile.js'
import { paperBatches, paperDefaults, type PaperOptions, type PaperTrace, type PaperVariant } from '../../../src/simulator/static-batching/paper-profile.js'
import type { Batches, StaticBatcher, StaticRequest } from '../../../src/simulator/static-batching/static-request.js'
import { Random, testSeed } from '../../support/random.js'

interface GoldenRequest { id: number, input: number, length: number, slo: number }
type GoldenBatches = [number[][], number[]]
interface Golden {
  requests: GoldenRequest[]
  paper: Array<{
    variant: PaperVariant, B_ref: number, batches: number[][], rejected: number[], trace: Array<[number, number]>
    override?: { length_term?: PaperOptions['lengthTerm'], kv_tokens?: number, threshold?: number, cm_rule?: PaperOptions['sizeRule'], b_max?: number }
  }>
  deadline_requests: GoldenRequest[]
  deadline: Array<{
    params: { cost: { t_fix: number, t_prefill: number, t_step: number, t_seq: number }, b_max: number, margin: number, waste_max: number, use_slo?: boolean }
    expect: GoldenBatches
  }>
  s3_kv2000: GoldenBatches
  fifo2: GoldenBatches
  sjf2: GoldenBatches
  ljf2: GoldenBatches
}
const golden = JSON.parse(readFileSync(new URL('../../fixtures/algorithms/odbs.json', import.meta.url), 'utf8')) as Golden
const staticRequest = ({ id, input, length, slo }: GoldenRequest): StaticRequest =>
  ({ id, inputTokens: input, outputTokens: length, sloSec: slo, arrivalSec: id })
const [requests, deadlineRequests] = [golden.requests.map(staticRequest), golden.deadline_requests.map(staticRequest)]
const pair = ({ batches, rejected }: Batches): GoldenBatches => [batches as number[][], rejected as number[]]

for (const { variant, B_ref, override = {}, batches, rejected, trace } of golden.paper) {
  t.test(`${variant} as printed makes the known batches, ${JSON.stringify(override)}`, async t => {
    const seen: PaperTrace = []
    const made = paperBatches(requests, {
      ...paperDefaults,
      variant,
      batchRef: B_ref,
      threshold: override.threshold ?? paperDefaults.threshold,
      lengthTerm: override.length_term ?? paperDefaults.lengthTerm,
      sizeRule: override.cm_rule ?? paperDefaults.sizeRule,
      maxRequests: override.b_max ?? paperDefaults.maxRequests,
      kvTokens: override.kv_tokens ?? Infinity
    }, seen)
    t.same(pair(made), [batches, rejected])
    t.equal(seen.length, trace.length)
    t.ok(seen.every(([total, demand], i) => Math.abs(total - trace[i]![0]) < 1e-8 && Math.abs(demand - trace[i]![1]) < 1e-8), JSON.stringify(seen))
  })
}

for (const { params, expect } of golden.deadline) {
  t.test(`batches by deadline are the known ones, ${JSON.stringify({ ...params, cost: undefined })}`, async t => {
    const { t_fix: fixedSec, t_prefill: prefillTokenSec, t_step: stepSec, t_seq: sequenceSec } = params.cost
    t.same(pair(deadlineBatches(deadlineRequests, {
      ...deadlineDefaults,
      cost: { fixedSec, prefillTokenSec, stepSec, sequenceSec },
      maxRequests: params.b_max,
      marginSec: params.margin,
      maxWaste: params.waste_max,
      usesSlo: params.use_slo ?? true
    })), expect)
  })
}

t.test('the baselines make the known batches', async t => {
  t.same(pair(s3Batches(requests, { maxRequests: 64, kvTokens: 2000 })), golden.s3_kv2000)
  const two = { maxRequests: 2, kvTokens: Infinity }
  t.same(pair(fifoBatches(requests, two)), golden.fifo2)
  t.same(pair(sjfBatches(requests, two)), golden.sjf2)
  t.same(pair(ljfBatches(requests, two)), golden.ljf2)
})

const caps = { maxRequests: 5, kvTokens: 3000 }
const cappedDeadline: DeadlineOptions = { ...deadlineDefaults, ...caps }
const batchers: Readonly<Record<string, StaticBatcher>> = {
  ...Object.fromEntries((['slo-odbs', 'slo-dbs', 'odbs'] as const).flatMap(variant => (['sum', 'max', 'diff'] as const).map(lengthTerm =>
    [`${variant} ${lengthTerm}`, (all: readonly StaticRequest[]) => paperBatches(all, { ...paperDefaults, ...caps, variant, lengthTerm })]))),
  'deadline': all => deadlineBatches(all, cappedDeadline),
  'odbs*': all => deadlineBatches(all, { ...odbsDefaults, ...caps }),
  'fifo': all => fifoBatches(all, caps),
  'sjf': all => sjfBatches(all, caps),
  'ljf': all => ljfBatches(all, caps),
  's3': all => s3Batches(all, caps)
}

function randomRequests (random: Random, count: number): StaticRequest[] {
  return Array.from({ length: count }, (_, id) => ({
    id,
    inputTokens: random.integer(0, 500),
    outputTokens: random.chance(0.2) ? 100 : random.integer(0, 3000),
    sloSec: random.chance(0.2) ? 30 : random.integer(-20, 300),
    arrivalSec: random.integer(0, 5)
  }))
}

function shuffled<T> (random: Random, items: readonly T[]): T[] {
  return items.map(item => ({ item, key: random.next() })).sort((a, b) => a.key - b.key).map(({ item }) => item)
}

const seed = testSeed()
for (const [name, batcher] of Object.entries(batchers)) {
  t.test(`${name}: every request is in one batch or rejected, caps hold, and the order of the input does not matter, seed ${seed}`, async t => {
    const random = new Random(seed)
    t.same(batcher([]), { batches: [], rejected: [] })
    for (let round = 0; round < 60; round++) {
      const all = randomRequests(random, random.integer(1, 40))
      const made = batcher(all)
      t.same([...made.batches.flat(), ...made.rejected].sort((a, b) => a - b), all.map(({ id }) => id))
      t.same(batcher(shuffled(random, all)), made)
      t.same(made.rejected.map(id => all[id]!).filter(({ inputTokens, outputTokens }) => inputTokens + outputTokens <= caps.kvTokens), [])
      for (const batch of made.batches.map(ids => ids.map(id => all[id]!))) {
        const padded = Math.max(...batch.map(({ inputTokens }) => inputTokens)) + Math.max(...batch.map(({ outputTokens }) => outputTokens))
        if (batch.length === 0 || batch.length > caps.maxRequests || batch.length * padded > caps.kvTokens) t.fail(JSON.stringify(batch))
      }
    }
  })

  t.test(`${name}: a number that is none is an error that names request and field`, async t => {
    for (const field of ['inputTokens', 'outputTokens', 'sloSec', 'arrivalSec'] as const) {
      for (const bad of [NaN, Infinity, -Infinity]) {
        t.throws(() => batcher([{ ...requests[0]!, id: 17, [field]: bad }]), { message: new RegExp(`Request 17: ${field} is`) })
      }
    }
    t.throws(() => batcher([{ ...requests[0]!, outputTokens: -1 }]), { message: /outputTokens is -1/ })
  })
}

t.test(`a higher threshold never makes more batches, when nothing else limits them, seed ${seed}`, async t => {
  const random = new Random(seed)
  for (let round = 0; round < 200; round++) {
    const all = randomRequests(random, random.integer(1, 12))
    const count = (threshold: number) => paperBatches(all, { ...paperDefaults, sizeRule: 'none', maxRequests: Infinity, threshold }).batches.length
    let last = Infinity
    for (const threshold of [0, 0.01, 0.05, 0.1, 0.3, 0.7, 1, 2, 5, 1e9]) {
      const now = count(threshold)
      if (now > last) t.fail(`${now} batches after ${last} at ${threshold}: ${JSON.stringify(all)}`)
      last = now
    }
  }
  t.equal(paperBatches(requests, { ...paperDefaults, threshold: 0 }).batches.length, requests.length, 'threshold 0: each alone')
})

t.test(`a batch that misses a deadline missed it with its first request alone, seed ${seed}`, async t => {
  const random = new Random(seed)
  const { cost } = cappedDeadline
  for (let round = 0; round < 200; round++) {
    const all = randomRequests(random, random.integer(1, 40))
    let startSec = 0
    for (const batch of deadlineBatches(all, cappedDeadline).batches.map(ids => ids.map(id => all[id]!))) {
      const seconds = (members: StaticRequest[]) => batchSec(cost, members.length,
        Math.max(...members.map(({ inputTokens }) => inputTokens)), Math.max(...members.map(({ outputTokens }) => outputTokens)))
      const isLate = batch.some(request => request.sloSec < seconds([request]))
      const due = Math.min(...batch.map(({ sloSec }) => sloSec))
      if (!isLate && startSec + seconds(batch) > due + 1e-9 && startSec + seconds([batch[0]!]) <= batch[0]!.sloSec) {
        t.fail(JSON.stringify({ startSec, batch }))
      }
      startSec += seconds(batch)
    }
  }
})
