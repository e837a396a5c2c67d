import t from 'tap'
import type { PacingOptions } from '../../src/scheduler/pacing.js'
import type { Plan } from '../../src/scheduler/plan.js'
import { priority } from '../../src/scheduler/policies/priority.js'
import { Scheduler } from '../../src/scheduler/scheduler.js'
import { Sequence } from '../../src/scheduler/sequence.js'
import { createPool, prefixKeys, prefixRoot } from '../support/pool.js'
import { Random, testSeed } from '../support/random.js'
import { ScriptedSteps } from '../support/scripted-steps.js'

const blockTokens = 4
const root = prefixRoot(['random'])
type Pool = ReturnType<typeof createPool>

/** One random run: arrivals, lengths, aborts, forks, a pool that is often too small. */
class Run {
  readonly random: Random
  readonly pool: Pool
  readonly scheduler: Scheduler
  readonly steps = new ScriptedSteps()
  readonly all: Sequence[] = []
  readonly expected = new Map<Sequence, Int32Array>()
  readonly aborted = new Set<Sequence>()
  readonly outstanding: Plan[] = []
  readonly faults: string[] = []
  /** Ids in the order of first admission, forks left out. */
  readonly admitted: number[] = []
  /** Returns that found KV waiting for them. */
  claims = 0
  readonly #shared: number[]
  readonly #maxNumSeqs: number
  #now = 0

  constructor (seed: number) {
    this.random = new Random(seed)
    const blocks = this.random.integer(6, 30)
    this.pool = createPool(blocks, blockTokens, this.random.chance(0.5) ? this.random.integer(4, 40) : 0)
    const maxNumSeqs = this.#maxNumSeqs = this.random.integer(1, 8)
    this.scheduler = new Scheduler({
      pool: this.pool,
      maxNumSeqs,
      maxBatchTokens: this.random.integer(maxNumSeqs, 24),
      maxSequenceTokens: this.random.integer(12, blocks * blockTokens + 4),
      maxOutstanding: this.random.integer(1, 3),
      reserveRatio: this.random.pick([0, 0, 0.5, 1]),
      ...this.random.chance(0.4) ? { pacing: this.#pacing(maxNumSeqs) } : {},
      speculates: this.random.chance(0.6),
      // A step of one row takes 11 ms, and each token of a draft one more.
      stepCosts: () => ({ fixedMs: 10, decodeMs: 1, prefillTokenMs: 1, contextTokenMs: 0, prefillContextTokenMs: 0 }),
      ...this.random.chance(0.5) ? { policy: priority } : {},
      extendKeys: sequence => {
        sequence.prefixKeys = prefixKeys(root, sequence.tokens.subarray(0, sequence.numTokens), blockTokens)
      }
    })
    this.#shared = Array.from({ length: 64 }, () => this.random.integer(0, 99))
  }

  /** More or fewer places than there are sequences, and readers from far too slow to far too fast. */
  #pacing (maxNumSeqs: number): PacingOptions {
    return { maxResidentSeqs: maxNumSeqs + this.random.integer(0, 8), readingTokensPerSec: this.random.pick([1, 50, 1000]), freshMs: this.random.pick([0, 20]) }
  }

  play (requests: number): void {
    let left = requests
    for (let turn = 0; turn < 4000; turn++) {
      if (left > 0 && this.random.chance(0.4)) {
        left--
        this.arrive()
      }
      if (this.random.chance(0.03)) this.abortOne()
      if (left > 0 && this.random.chance(0.25)) this.comeBack()
      const planned = this.random.chance(0.6) && this.plan()
      if (!planned && !this.commit() && !this.plan() && left === 0) {
        const waiting = this.all.filter(sequence => sequence.state !== 'ended')
        if (waiting.length > 0) this.faults.push(`deadlock: ${waiting.map(s => `${s.id} ${s.state}`).join(', ')}`)
        return
      }
      this.check()
    }
    this.faults.push('did not end')
  }

  arrive (): void {
    const length = this.random.integer(1, 24)
    const sharedTokens = this.random.chance(0.5) ? this.random.integer(0, length) : 0
    const promptIds = Int32Array.from({ length }, (_, i) => i < sharedTokens ? this.#shared[i]! : this.random.integer(0, 99))
    const choices = this.random.chance(0.2) ? this.random.integer(2, 4) : 1
    const cached = this.random.chance(0.8)
    const maxTokens = this.random.integer(1, 30)
    const priority = this.random.integer(0, 2)
    const parks = this.random.chance(0.4)
    const waitMs = this.random.integer(0, 40)
    let parent: Sequence | undefined
    for (let choice = 0; choice < choices; choice++) {
      const sequence = new Sequence({
        id: this.all.length + 1,
        arrivalMs: this.#now,
        promptIds,
        maxTokens,
        priority,
        reservedTokens: this.random.integer(1, 20),
        maxDraftTokens: this.random.pick([0, 1, 3, 12]),
        ...this.random.chance(0.2) ? { readingTokensPerSec: this.random.integer(1, 500) } : {},
        ...parks ? { parksOnStop: () => waitMs } : {},
        ...cached ? { prefixRoot: root, prefixKeys: prefixKeys(root, promptIds, blockTokens) } : {},
        ...parent !== undefined ? { forkOf: parent } : {}
      })
      try {
        this.scheduler.add(sequence)
      } catch (error) {
        if ((error as { code?: string }).code !== 'ERR_PROMPT_TOO_LONG') throw error
        return
      }
      parent ??= sequence
      this.all.push(sequence)
      this.#script(sequence, promptIds)
    }
  }

  /** The next turn of one that ended: its tokens, or most of them, and a few new ones. */
  comeBack (): void {
    const ended = this.random.pick(this.all.filter(sequence => sequence.finishReason === 'stop' && (sequence.parksOnStop !== undefined || this.random.chance(0.2))))
    if (ended === undefined) return
    const kept = this.random.chance(0.7) ? ended.numTokens : this.random.integer(1, ended.numTokens)
    const fresh = this.random.integer(1, 6)
    const promptIds = Int32Array.from({ length: kept + fresh }, (_, i) => i < kept ? ended.tokens[i]! : this.random.integer(0, 99))
    const sequence = new Sequence({
      id: this.all.length + 1,
      arrivalMs: this.#now,
      promptIds,
      maxTokens: this.random.integer(1, 12),
      ...this.random.chance(0.5) ? { resumes: ended.id } : {},
      ...ended.prefixRoot === undefined ? {} : { prefixRoot: root, prefixKeys: prefixKeys(root, promptIds, blockTokens) }
    })
    try {
      this.scheduler.add(sequence)
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_PROMPT_TOO_LONG') throw error
      return
    }
    if (sequence.parked !== undefined) this.claims++
    this.all.push(sequence)
    this.#script(sequence, promptIds)
  }

  #script (sequence: Sequence, promptIds: Int32Array): void {
    const stops = this.random.chance(0.4)
    const generated = stops ? this.random.integer(1, sequence.maxTokens) : sequence.maxTokens
    const tokens = Int32Array.from({ length: promptIds.length + generated },
      (_, i) => promptIds[i] ?? this.random.integer(0, 99))
    // Something to look up: what repeats itself, with mistakes.
    const period = this.random.integer(1, 5)
    if (this.random.chance(0.6)) {
      for (let i = Math.max(period, promptIds.length); i < tokens.length; i++) if (this.random.chance(0.9)) tokens[i] = tokens[i - period]!
    }
    this.expected.set(sequence, tokens)
    this.steps.script(sequence, { tokens, stops })
  }

  abortOne (): void {
    const sequence = this.random.pick(this.all)
    if (sequence !== undefined && this.scheduler.abort(sequence.id, this.#now)) this.aborted.add(sequence)
  }

  plan (): boolean {
    const fresh = this.all.filter(sequence => sequence.cachedTokens === undefined)
    const plan = this.scheduler.plan(++this.#now)
    if (plan === undefined) return false
    if (plan.numRows > this.#maxNumSeqs) this.faults.push(`${plan.numRows} rows`)
    for (const sequence of fresh) {
      if (sequence.cachedTokens !== undefined && sequence.parent === undefined) this.admitted.push(sequence.id)
    }
    this.outstanding.push(plan)
    return true
  }

  commit (): boolean {
    const plan = this.outstanding.shift()
    if (plan === undefined) return false
    this.scheduler.commit(plan.id, this.steps.run(plan), ++this.#now)
    return true
  }

  /** What must hold at every moment. */
  check (): void {
    const stats = this.pool.stats()
    if (stats.freeBlocks + stats.usedBlocks + stats.cachedBlocks !== stats.totalBlocks) this.faults.push('blocks do not add up')
    let held = 0
    let running = 0
    for (const sequence of this.all) {
      if (sequence.state === 'running') running++
      if (sequence.slot === undefined) continue
      const blocks = this.pool.blocksOf(sequence.slot as never)
      held += blocks
      if (sequence.isSwapped) continue
      if (sequence.state !== 'running' && blocks > 0) this.faults.push(`${sequence.id} is ${sequence.state} and holds ${blocks} blocks`)
      if (sequence.state === 'running' && blocks * blockTokens < sequence.planned) this.faults.push(`${sequence.id} writes past its blocks`)
    }
    if (stats.usedBlocks > held && this.scheduler.stats().parked === 0) this.faults.push('blocks are used by nobody')
    if (running !== this.scheduler.stats().running) this.faults.push('the number of running sequences is wrong')
  }
}

t.test('random arrivals, lengths, aborts, forks and pools: blocks add up, everybody finishes with the right tokens', async t => {
  const seed = testSeed()
  const cases = 400
  t.comment(`seed ${seed}`)
  let preempted = 0
  let forked = 0
  let swapped = 0
  let paced = 0
  let claimed = 0
  let parked = 0
  let accepted = 0
  let rejected = 0
  for (let i = 0; i < cases; i++) {
    const run = new Run(seed + i)
    run.play(run.random.integer(3, 14))
    for (const sequence of run.all) {
      const output = sequence.tokens.subarray(0, sequence.numTokens)
      const wanted = run.expected.get(sequence)!.subarray(0, run.aborted.has(sequence) ? sequence.numTokens : undefined)
      if (Buffer.compare(bytes(output), bytes(wanted)) !== 0) run.faults.push(`${sequence.id} has the wrong tokens`)
    }
    if (run.scheduler.stats().parked > 0) parked++
    for (const sequence of run.all) run.scheduler.release(sequence.id)
    if (run.pool.stats().hostFreeBlocks !== run.pool.hostBlocks) run.faults.push('host blocks are left over')
    if (run.pool.stats().usedBlocks !== 0) run.faults.push('blocks are left over')
    if (run.scheduler.policy.name === 'fcfs' && run.admitted.some((id, j) => j > 0 && id < run.admitted[j - 1]!)) run.faults.push(`admitted out of order: ${run.admitted.join(' ')}`)
    const faults = [...run.faults, ...run.steps.faults]
    if (faults.length > 0) t.fail(`case ${i}: ${faults.slice(0, 3).join('; ')}`)
    if (run.scheduler.stats().preemptions > 0) preempted++
    if (run.scheduler.stats().swaps > 0) swapped++
    if (run.all.some(({ pace }) => pace !== undefined)) paced++
    if (run.claims > 0) claimed++
    const { acceptedTokens, draftTokens } = run.scheduler.stats().speculation
    if (acceptedTokens > 0) accepted++
    if (acceptedTokens < draftTokens) rejected++
    if (run.all.some(sequence => sequence.parent !== undefined)) forked++
  }
  t.comment(`${preempted} of ${cases} cases preempted, ${forked} forked, ${swapped} swapped, ${paced} paced, ${claimed} went on with parked KV, ${parked} left some, drafts were right in ${accepted} and wrong in ${rejected}`)
  t.ok(preempted >= 0.2 * cases, 'at least a fifth of the cases preempted')
  t.ok(swapped >= 0.1 * cases, 'at least a tenth swapped')
  t.ok(paced >= 0.2 * cases, 'at least a fifth were paced')
  t.ok(claimed >= 0.1 * cases, 'in at least a tenth a sequence went on with parked KV')
  t.ok(accepted >= 0.2 * cases, 'in at least a fifth of the cases drafted tokens were right')
  t.ok(rejected >= 0.2 * cases, 'in at least a fifth they were wrong')
  t.ok(forked >= 0.2 * cases, 'at least a fifth of the cases forked')
})

function bytes (tokens: Int32Array): Uint8Array {
  return new Uint8Array(tokens.buffer, tokens.byteOffset, tokens.byteLength)
}
