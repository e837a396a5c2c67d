// The servers, through HTTP: a closed loop of streams, each with a prompt of its own.
import { randomPrompt } from '../lib/engine-runs.js'
import { runLoad, type LoadRun } from '../lib/load-client.js'
import { startServer } from '../lib/server-process.js'
import { medians } from '../lib/statistics.js'
import { times, type Cell } from '../lib/table.js'
import { checkpoint } from './checkpoints.js'
import { announce, inTurn, outputTokens, peerCheckpoint, peerRun, promptTokens, type Context, type Section } from './context.js'
import type { BenchFormat } from './formats.js'
import { serveCommand } from './millrace.js'
import { vocabularyOf } from './models.js'

/** Slots of llama-server, as its users set them; more only where more streams are asked for. */
const llamaSlots = 16

interface Served { readonly load: LoadRun, readonly rssBytes: number, readonly readyMs: number }

export async function measureHttp (context: Context): Promise<Section> {
  const rows: Cell[][] = []
  const figures: object[] = []
  for (const model of context.models) {
    for (const format of context.formats) {
      const runs = await httpRuns(context, model, format)
      for (const concurrency of context.batches) {
        const rates = new Map<string, number>()
        for (const server of ['Millrace', 'llama-server'] as const) {
          const served = runs.get(`${server} ${concurrency}`)
          const failed = runs.failed.get(server)
          if (served === undefined) {
            rows.push([model, format.name, server, concurrency, failed ?? 'no peer'])
            continue
          }
          const load = medians(served.map(one => one.load))
          rates.set(server, load.outputTokensPerSec)
          rows.push([
            model, format.name, server, concurrency, load.outputTokensPerSec, load.ttftP50Ms, load.ttftP95Ms, load.ttftP99Ms,
            load.itlP50Ms, load.itlP95Ms, load.itlP99Ms, load.itlMaxMs, load.failed, load.reconnects,
            server === 'Millrace' ? undefined : times((rates.get('Millrace') ?? NaN) / load.outputTokensPerSec)
          ])
          figures.push({ model, format: format.name, server, concurrency, ...load, runs: served })
        }
      }
    }
  }
  const head = [
    'model', 'format', 'server', 'streams', 'out tok/s', 'TTFT p50 ms', 'p95', 'p99', 'ITL p50 ms', 'p95', 'p99', 'max', 'failed', 'reconnects',
    'Millrace to it'
  ]
  const note = `Closed loop over /v1/completions: ${promptTokens} prompt tokens (ids) and ${outputTokens} more, streamed, greedy; no two prompts begin alike. ` +
    `Millrace with its defaults; llama-server with -np ${llamaSlots} (or the number of streams if that is more), 512 tokens a slot, no prompt cache.`
  return { title: 'HTTP', note, head, textColumns: 3, rows, figures }
}

type Runs = Map<string, Served[]> & { failed: Map<string, string> }

async function httpRuns (context: Context, model: string, format: BenchFormat): Promise<Runs> {
  const runs = Object.assign(new Map<string, Served[]>(), { failed: new Map<string, string>() })
  const add = (key: string, served: Served) => { runs.set(key, [...runs.get(key) ?? [], served]) }
  const flags = ['--kernels', context.kernels, '--threads', String(context.threads), ...format.serveFlags]
  for (let round = 0; round < context.repeat; round++) {
    await announce(`HTTP ${model} ${format.name}, round ${round + 1} of ${context.repeat}`)
    await inTurn(round, [
      async () => {
        if (runs.failed.has('Millrace')) return
        const path = await checkpoint(model, format.checkpoint)
        try {
          await serveAndLoad(port => serveCommand(path, port, flags), context.batches, model, {}, (concurrency, served) => { add(`Millrace ${concurrency}`, served) })
        } catch (error) {
          console.error(`  ${String(error)}`)
          runs.failed.set('Millrace', `not supported (${/ERR_[A-Z_]+|unknown option/.exec(String(error))?.[0] ?? 'no start'})`)
        }
      },
      () => peerRun(async () => {
        const { llama } = context
        if (llama === undefined) return
        const path = await peerCheckpoint(model, format)
        for (const [slots, batches] of bySlots(context.batches)) {
          await serveAndLoad(port => llama.serveCommand(path, port, slots), batches, model, { cache_prompt: false },
            (concurrency, served) => { add(`llama-server ${concurrency}`, served) })
        }
      })
    ])
  }
  return runs
}

/** Batches that one server with so many slots serves. */
function bySlots (batches: readonly number[]): Map<number, number[]> {
  const groups = new Map<number, number[]>()
  for (const batch of batches) {
    const slots = Math.max(llamaSlots, batch)
    groups.set(slots, [...groups.get(slots) ?? [], batch])
  }
  return groups
}

async function serveAndLoad (
  commandFor: (port: number) => readonly string[], batches: readonly number[], model: string, extra: Readonly<Record<string, unknown>>,
  onRun: (concurrency: number, served: Served) => void
): Promise<void> {
  const server = await startServer(commandFor)
  try {
    const load = (concurrency: number, requests: number, tokens: number) => runLoad({
      port: server.port, concurrency, requests, outputTokens: tokens, prompt: () => randomPrompt(vocabularyOf(model), promptTokens), extra
    })
    await load(1, 1, 8)
    for (const concurrency of batches) {
      // Three waves, and enough requests for percentiles at few streams.
      const run = await load(concurrency, Math.max(4, 3 * concurrency), outputTokens)
      onRun(concurrency, { load: run, rssBytes: server.memory().rssBytes, readyMs: server.readyMs })
    }
  } finally {
    await server.stop()
  }
}
