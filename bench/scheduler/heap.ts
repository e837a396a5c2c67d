import { createPolicy } from '../../src/scheduler/policies/index.js'
import { initialStepCosts } from '../../src/profiler/step-costs.js'
import { WaitingQueue } from '../../src/scheduler/waiting-queue.js'
import type { Sequence } from '../../src/scheduler/sequence.js'
import type { Policy, PolicyView } from '../../src/scheduler/policy.js'
import { SeededRandom } from '../../src/simulator/random.js'
import { RequestSource } from './waiting.js'

export interface HeapTimes {
  readonly waiting: number
  readonly pushUs: number
  readonly popUs: number
  readonly removeUs: number
  readonly renewUs: number
}

/** The queue's operations without a policy's arithmetic, with a second heap of times of change: ranks are random. */
export function measureHeap (waiting: number, operations: number): HeapTimes {
  const random = new SeededRandom(1)
  const policy: Policy = {
    ...createPolicy('fcfs'),
    rank (sequence) {
      sequence.rankClass = 0
      sequence.rankKey = random.next()
      return 1 + random.next()
    }
  }
  const view: PolicyView = {
    nowMs: 0, costs: initialStepCosts, maxNumSeqs: 32, running: 32, waiting, poolTokens: 1e6, freeRatio: 0, contextTokens: 0
  }
  const queue = new WaitingQueue<Sequence>(policy)
  const source = new RequestSource(1)
  const inside = Array.from({ length: waiting }, () => source.next(0, 1))
  for (const sequence of inside) queue.push(sequence, view)

  const times = { push: 0, pop: 0, remove: 0, renew: 0 }
  // In batches: a clock's call takes as long as what it would time.
  const batch = Math.min(waiting, 256)
  const timed = (kind: keyof typeof times, run: () => void) => {
    const start = performance.now()
    run()
    times[kind] += performance.now() - start
  }
  for (let done = 0; done < operations; done += batch) {
    const chosen = new Set<Sequence>()
    while (chosen.size < batch) chosen.add(inside[Math.floor(random.next() * waiting)]!)
    timed('renew', () => { for (const sequence of chosen) queue.renew(sequence, view) })
    timed('remove', () => { for (const sequence of chosen) queue.remove(sequence) })
    timed('push', () => { for (const sequence of chosen) queue.push(sequence, view) })
    const popped: Sequence[] = []
    timed('pop', () => {
      for (let i = 0; i < batch; i++) {
        const first = queue.peek(view)!
        queue.remove(first)
        popped.push(first)
      }
    })
    for (const sequence of popped) queue.push(sequence, view)
  }
  const rounds = Math.ceil(operations / batch) * batch
  const us = (ms: number) => ms * 1000 / rounds
  return { waiting, pushUs: us(times.push), popUs: us(times.pop), removeUs: us(times.remove), renewUs: us(times.renew) }
}
