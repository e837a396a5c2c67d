// How long until an engine is ready, and how much memory it and a whole server take.
import { randomPrompt } from '../lib/engine-runs.js'
import { runLoad } from '../lib/load-client.js'
import { startServer } from '../lib/server-process.js'
import { median } from '../lib/statistics.js'
import type { Cell } from '../lib/table.js'
import { checkpoint } from './checkpoints.js'
import { announce, failure, millraceJobs, type Context, type Section } from './context.js'
import type { BenchFormat } from './formats.js'
import { serveCommand } from './millrace.js'
import { vocabularyOf, weightBytes } from './models.js'

/** Small enough for the job to touch all of it, so that the whole of it can be taken off. */
const kvCacheMemory = 128 * 2 ** 20

interface Use { readonly loadMs: number, readonly engineBytes: number, readonly anonymousBytes: number, readonly idleCpuShare: number }
interface ServerUse { readonly readyMs: number, readonly processBytes: number }

export async function measureMemory (context: Context): Promise<Section> {
  const rows: Cell[][] = []
  const figures: object[] = []
  for (const model of context.models) {
    for (const format of context.formats) {
      const uses: Use[] = []
      const servers: ServerUse[] = []
      let failed: string | undefined
      for (let round = 0; round < context.repeat && failed === undefined; round++) {
        await announce(`memory ${model} ${format.name}, round ${round + 1} of ${context.repeat}`)
        const weights = weightBytes(model, format.stored)
        const report = await millraceJobs(context, model, format, [{ kind: 'memory' }], { maxModelLen: 1024, kvCacheMemory })
        const [result] = report.ok ? report.results : []
        if (!report.ok) failed = failure(report)
        else if (result?.kind === 'memory') {
          const { rssBytes, baseRssBytes, anonymousBytes, usedKvBytes, idleCpuShare } = result.run
          uses.push({ loadMs: report.loadMs, engineBytes: rssBytes - baseRssBytes - weights - usedKvBytes, anonymousBytes, idleCpuShare })
          servers.push(await serverUse(model, format, context, weights + usedKvBytes))
        }
      }
      const of = <T>(list: readonly T[], key: keyof T) => median(list.map(one => one[key] as number))
      const figure = {
        loadMs: of(uses, 'loadMs'), serverReadyMs: of(servers, 'readyMs'), engineBytes: of(uses, 'engineBytes'),
        processBytes: of(servers, 'processBytes'), idleCpuShare: of(uses, 'idleCpuShare')
      }
      const mb = (bytes: number) => bytes / 1e6
      rows.push([
        model, format.name, failed ?? figure.loadMs, figure.serverReadyMs, mb(figure.engineBytes), mb(figure.processBytes),
        figure.idleCpuShare * 100
      ])
      figures.push({ model, format: format.name, ...figure, failed })
    }
  }
  const note = 'Files in the page cache. "engine": what the resident set of the process grew by, less the weights as the format stores them and the KV cache; mapped ' +
    'file pages count. "process": all of a server that has served, less the same.'
  const head = ['model', 'format', 'load ms', 'server ready ms', 'engine MB', 'process MB', 'idle CPU %']
  return { title: 'start and memory', note, head, textColumns: 2, rows, figures }
}

async function serverUse (model: string, format: BenchFormat, context: Context, weightsAndKvBytes: number): Promise<ServerUse> {
  const path = await checkpoint(model, format.checkpoint)
  const flags = [
    '--kernels', context.kernels, '--threads', String(context.threads), '--max-model-len', '1024', '--kv-cache-memory', String(kvCacheMemory), ...format.serveFlags
  ]
  const server = await startServer(port => serveCommand(path, port, flags))
  try {
    await runLoad({ port: server.port, concurrency: 4, requests: 16, outputTokens: 16, prompt: () => randomPrompt(vocabularyOf(model), 256) })
    return { readyMs: server.readyMs, processBytes: server.memory().rssBytes - weightsAndKvBytes }
  } finally {
    await server.stop()
  }
}
