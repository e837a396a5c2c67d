// npm run bench:scheduler [-- --policies fcfs,adaptive --waiting 10,1000 --json FILE]
// How long a scheduling decision takes with many requests waiting, and each operation of the queue. Ends with
// exit code 1 when a decision misses its mark.
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { policyNames } from '../src/scheduler/policies/index.js'
import { describeMachine } from './lib/machine.js'
import { table } from './lib/table.js'
import { measureDecisions } from './scheduler/decisions.js'
import { measureHeap } from './scheduler/heap.js'

const { values } = parseArgs({
  options: {
    policies: { type: 'string', default: policyNames.join(',') },
    waiting: { type: 'string', default: '10,1000,100000' },
    plans: { type: 'string', default: '1000' },
    json: { type: 'string' }
  }
})
const lengths = values.waiting.split(',').map(Number)

/** Microseconds that a decision may take with so many waiting. */
function markUs (waiting: number): number {
  return waiting <= 1000 ? 100 : 2000
}

const heap = lengths.map(waiting => measureHeap(waiting, 50_000))
const decisions = values.policies.split(',').flatMap(policy =>
  lengths.map(waiting => measureDecisions(policy, waiting, Number(values.plans))))

console.log(table(['waiting', 'push us', 'pop us', 'remove us', 'renew us'],
  heap.map(row => [String(row.waiting), row.pushUs, row.popUs, row.removeUs, row.renewUs])))
console.log()
console.log(table(['policy', 'waiting', 'median us', 'mean us', 'p99 us', 'mark us'],
  decisions.map(row => [row.policy, row.waiting, row.medianUs, row.meanUs, row.p99Us, markUs(row.waiting)])))

const report = {
  machine: describeMachine(), command: `npm run bench:scheduler -- ${process.argv.slice(2).join(' ')}`.trim(), heap, decisions
}
if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(report, null, 2) + '\n')
const missed = decisions.filter(({ waiting, meanUs }) => meanUs > markUs(waiting))
for (const { policy, waiting, meanUs } of missed) console.log(`${policy} takes ${meanUs.toFixed(0)} us with ${waiting} waiting: too long`)
process.exitCode = missed.length === 0 ? 0 : 1
