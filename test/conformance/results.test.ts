import { readFileSync } from 'node:fs'
import t from 'tap'
import { items } from '../../conformance/items.js'
import { scoreOf, type ResultFile } from '../../conformance/lib/report.js'
import type { Result } from '../../conformance/lib/run.js'
import { knownFailing, notJudged } from './known-failing.js'

function read (name: string): ResultFile {
  return JSON.parse(readFileSync(new URL(`../../conformance/results/${name}.json`, import.meta.url), 'utf8'))
}

t.test('the results in the docs are of all items, with a score that is their sum', t => {
  for (const { results, score } of ['millrace', 'llama.cpp'].map(read)) {
    t.same(results.map(({ number }) => number), items.map(({ number }) => number))
    t.same(score, scoreOf(results as Result[]))
    t.ok(results.every(({ outcome, reason }) => (outcome === 'passed') === (reason === undefined)), 'what did not pass has a reason')
  }
  t.end()
})

t.test('Millrace\'s results in the docs are those that the tests hold it to', t => {
  const { results } = read('millrace')
  const numbers = (outcome: string): number[] => results.filter(result => result.outcome === outcome).map(({ number }) => number)
  t.same(numbers('failed'), Object.keys(knownFailing).map(Number), 'run the suite again with --json conformance/results/millrace.json')
  t.same(numbers('notApplicable'), Object.keys(notJudged).map(Number))
  t.end()
})
