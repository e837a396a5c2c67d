// npm run bench:predictor [-- --seeds 3 --lengths FILE --json FILE]
// How well output lengths are predicted on a synthetic set whose best possible result is known, before and
// after lengths change, on conversations in two styles, and how long a prediction takes. Ends with exit code 1 below the pass marks.
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { readLengthSet, runLengthSet, styles } from './predictor/length-set.js'
import { runSet, type SetRun } from './predictor/run-set.js'
import { runSessions } from './predictor/session-set.js'
import { measureTimes } from './predictor/times.js'
import { table } from './lib/table.js'

const { values } = parseArgs({ options: {
  seeds: { type: 'string', default: '3' }, lengths: { type: 'string', default: 'bench/predictor/lengths.jsonl' }, json: { type: 'string' }
} })
const seeds = Array.from({ length: Number(values.seeds) }, (_, index) => index + 1)
if (!(seeds.length >= 1)) throw new Error(`--seeds is ${values.seeds}; it must be 1 or more`)

const three = (value: number | undefined): string | undefined => value?.toFixed(3)
const plain = seeds.map(seed => runSet(seed, 1))
const harder = seeds.map(seed => runSet(seed, 3))
const sessions = seeds.map(runSessions)
const lengthSet = runLengthSet(readLengthSet(values.lengths))
const times = measureTimes()

function mean<Run> (runs: readonly Run[], value: (run: Run) => number): number {
  return runs.reduce((sum, run) => sum + value(run), 0) / runs.length
}

function qualityTable (runs: readonly SetRun[]): string {
  const head = ['', 'top-1', 'within 1', 'buckets off', 'log-loss', 'calibration', 'within reserve']
  const rows = (['trained', 'frozenAfterDrift', 'onlineAfterDrift'] as const).map(phase => [
    { trained: 'ours, after 3000 answers', frozenAfterDrift: 'frozen, after the drift', onlineAfterDrift: 'ours, 1500 answers after the drift' }[phase],
    three(mean(runs, run => run[phase].top1Ratio)),
    three(mean(runs, run => run[phase].within1Ratio)),
    three(mean(runs, run => run[phase].meanBucketError)),
    three(mean(runs, run => run[phase].logLoss)),
    three(mean(runs, run => run[phase].calibrationError)),
    three(mean(runs, run => run[phase].coverageRatio))
  ])
  return table(head, [
    ['best possible', three(mean(runs, run => run.limits.top1)), three(mean(runs, run => run.limits.within1)), undefined, three(mean(runs, run => run.limits.logLoss))],
    ['most frequent bucket', three(mean(runs, run => run.trained.majorityTop1Ratio)), three(mean(runs, run => run.trained.majorityWithin1Ratio))],
    ['as the last of the same cell', three(mean(runs, run => run.trained.lastTop1Ratio)), three(mean(runs, run => run.trained.lastWithin1Ratio))],
    ...rows,
    ['best possible after the drift', three(mean(runs, run => run.limitsAfterDrift.top1)), three(mean(runs, run => run.limitsAfterDrift.within1)), undefined, three(mean(runs, run => run.limitsAfterDrift.logLoss))]
  ])
}

function lengthTable (): string {
  const rows = (['all', ...styles] as const).flatMap(style => ([['', lengthSet.whole], [', link unknown', lengthSet.withoutNetwork]] as const).map(([suffix, run]) => {
    const quality = style === 'all' ? run.all : run.byStyle[style]
    return [`${style}${suffix}`, style === 'all' ? undefined : lengthSet.meanTokens[style]?.toFixed(1), quality?.answers,
      ...[quality?.majorityTop1Ratio, quality?.top1Ratio, quality?.within1Ratio, quality?.meanBucketError, quality?.logLoss, quality?.coverageRatio].map(three)]
  }))
  return table(['style', 'mean tokens', 'answers', 'most frequent', 'top-1', 'within 1', 'buckets off', 'log-loss', 'within reserve'], rows)
}

/** What must hold, on the set with one wording; each with whether it does. */
function marks (): Array<[string, boolean]> {
  const top1 = mean(plain, run => run.trained.top1Ratio)
  const frozen = mean(plain, run => run.frozenAfterDrift.top1Ratio)
  const online = mean(plain, run => run.onlineAfterDrift.top1Ratio)
  return [
    ['top-1 at least 0.57', top1 >= 0.57],
    ['within 1 at least 0.93', mean(plain, run => run.trained.within1Ratio) >= 0.93],
    ['after the drift at least 0.53', online >= 0.53],
    ['after the drift 0.08 above frozen', online >= frozen + 0.08],
    ['no leakage: at most 0.03 above the best possible', [...plain, ...harder].every(({ trained, limits, onlineAfterDrift, limitsAfterDrift }) =>
      trained.top1Ratio <= limits.top1 + 0.03 && onlineAfterDrift.top1Ratio <= limitsAfterDrift.top1 + 0.03)],
    ['the answer before is worth 0.3 where the text says nothing', mean(sessions, run => run.withPrevious.top1Ratio) >= mean(sessions, run => run.without.top1Ratio) + 0.3],
    ['a prediction under 50 us', times.every(({ predictUs }) => predictUs < 50)]
  ]
}

console.log(`# Output lengths\n\nMean of seeds 1 to ${seeds.length}. 12 instructions x 5 modifiers, each cell with a fixed distribution over 9 buckets; answers are learnt`)
console.log('16 requests late. A test phase has 3000 answers; then 3 of the instructions get other lengths.\n')
console.log(`## one wording\n\n${qualityTable(plain)}\n`)
console.log(`## three wordings, modifiers at either end\n\n${qualityTable(harder)}\n`)
console.log(`## sessions that keep to a length, about which their texts say nothing\n\n${table(['', 'top-1', 'within 1'], [
  ['without the answer before', three(mean(sessions, run => run.without.top1Ratio)), three(mean(sessions, run => run.without.within1Ratio))],
  ['with it', three(mean(sessions, run => run.withPrevious.top1Ratio)), three(mean(sessions, run => run.withPrevious.within1Ratio))],
  ['as the answer before', three(mean(sessions, run => run.without.lastTop1Ratio)), three(mean(sessions, run => run.without.lastWithin1Ratio))]
])}\n`)
console.log(`## conversations of the embedded model, of which the second half counts: ${lengthSet.answers} answers\n\n${lengthTable()}\n`)
console.log(`## time\n\n${table(['prompt', 'predict us', 'learn us'], times.map(({ prompt, predictUs, learnUs }) => [prompt, predictUs, learnUs]))}\n`)
const results = marks()
for (const [mark, holds] of results) console.log(`${holds ? 'holds' : 'FAILS'}: ${mark}`)
if (values.json !== undefined) writeFileSync(values.json, JSON.stringify({ plain, harder, sessions, lengthSet, times, marks: results }, undefined, 1))
if (results.some(([, holds]) => !holds)) process.exitCode = 1
