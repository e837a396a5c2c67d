// Decoding one sequence beside a stranger that wants a core, or a fifth of one.
import { median } from '../lib/statistics.js'
import { percent, type Cell } from '../lib/table.js'
import { decodeOf } from './alone.js'
import { announce, failure, inTurn, kvFor, millraceJobs, outputTokens, peerCheckpoint, peerRun, promptTokens, type Context, type Section } from './context.js'
import { fairShare } from './limits.js'
import { neighbourCores, startNeighbour, type Neighbour } from './neighbour.js'
import { availableParallelism } from 'node:os'

const beside: ReadonlyArray<Neighbour | undefined> = [undefined, 'busy', 'fifth']
const titles: Readonly<Record<Neighbour, string>> = { busy: 'one busy thread', fifth: 'a fifth of a core' }

export async function measureContention (context: Context): Promise<Section> {
  const rows: Cell[][] = []
  const figures: object[] = []
  const cores = availableParallelism()
  for (const model of context.models) {
    for (const format of context.formats) {
      const { rates, failed } = await runs(context, model, format)
      for (const engine of ['Millrace', 'llama.cpp']) {
        const rate = (neighbour: Neighbour | undefined) => median(rates.get(`${engine} ${neighbour}`) ?? [])
        for (const neighbour of beside) {
          const share = neighbour === undefined ? 1 : fairShare(cores, context.threads, neighbourCores[neighbour])
          const ofFairShare = rate(neighbour) / (rate(undefined) * share)
          const title = neighbour === undefined ? 'nothing' : titles[neighbour]
          const missing = engine === 'Millrace' ? failed : context.llama === undefined ? 'no peer' : undefined
          rows.push([model, format.name, engine, title, missing ?? rate(neighbour), percent(share), percent(ofFairShare)])
          figures.push({ model, format: format.name, engine, beside: title, tokensPerSec: rate(neighbour), fairShare: share, ofFairShare })
        }
      }
    }
  }
  const note = 'Fair share: what is left of the cores when every runnable thread gets an equal part. "of it": the rate against the rate alone times that share; ' +
    'decoding is bound by memory, so more than 100 % can be.'
  return { title: 'decode of one sequence beside a stranger', note, head: ['model', 'format', 'engine', 'beside', 'tok/s', 'fair share', 'of it'], textColumns: 4, rows, figures }
}

async function runs (context: Context, model: string, format: Context['formats'][number]) {
  const rates = new Map<string, number[]>()
  const add = (key: string, rate: number) => { rates.set(key, [...rates.get(key) ?? [], rate]) }
  let failed: string | undefined
  for (let round = 0; round < context.repeat; round++) {
    await announce(`contention ${model} ${format.name}, round ${round + 1} of ${context.repeat}`)
    await inTurn(round, [
      async () => {
        if (failed !== undefined) return
        const jobs = beside.map(neighbour => ({ kind: 'decode', batch: 1, promptTokens, outputTokens, ...neighbour && { neighbour } } as const))
        const report = await millraceJobs(context, model, format, jobs, { maxNumSeqs: 1, maxModelLen: 512, ...kvFor(model, 1024) })
        if (!report.ok) failed = failure(report)
        else report.results.forEach((result, i) => { add(`Millrace ${beside[i]}`, decodeOf(result).tokensPerSec) })
      },
      () => peerRun(async () => {
        if (context.llama === undefined) return
        const path = await peerCheckpoint(model, format)
        for (const neighbour of beside) {
          const stopNeighbour = await startNeighbour(neighbour)
          add(`llama.cpp ${neighbour}`, await context.llama.decode(path, outputTokens).finally(stopNeighbour))
        }
      })
    ])
  }
  return { rates, failed }
}
