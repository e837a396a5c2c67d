// Prefill and decode of the engines alone, without HTTP.
import { median, medians } from '../lib/statistics.js'
import { percent, times, type Cell } from '../lib/table.js'
import type { DecodeRun } from '../lib/engine-runs.js'
import {
  announce, failure, inTurn, kvFor, machineFor, maxBatchTokens, millraceJobs, outputTokens, peerCheckpoint, peerRun, promptTokens, type Context, type Section
} from './context.js'
import type { EngineReport, JobResult } from './engine-jobs.js'
import type { BenchFormat } from './formats.js'
import { decodeBytesPerStep, decodeLimit, prefillFlopsPerToken, prefillLimit } from './limits.js'
import { costsOf, vocabularyOf, weightBytes } from './models.js'

export async function measurePrefills (context: Context, lengths: readonly number[]): Promise<Section> {
  const rows: Cell[][] = []
  const figures: object[] = []
  for (const model of context.models) {
    for (const format of context.formats) {
      const { ours, peers, failed } = await prefillRuns(context, model, format, lengths)
      const costs = costsOf(model)
      for (const tokens of lengths) {
        const tokensPerSec = median(ours.get(tokens) ?? [])
        const peer = median(peers.get(tokens) ?? [])
        const limit = prefillLimit(machineFor(context, format), costs, tokens)
        const flops = tokensPerSec * prefillFlopsPerToken(costs, tokens)
        rows.push([
          model, format.name, tokens, failed ?? tokensPerSec, flops / 1e12, percent(tokensPerSec / limit),
          context.llama === undefined ? 'no peer' : peer, percent(peer / limit), times(tokensPerSec / peer),
          times(median(ours.get(lengths[0]!) ?? []) / tokensPerSec)
        ])
        figures.push({
          model, format: format.name, tokens, tokensPerSec, flopsPerSec: flops, limit, ofLimit: tokensPerSec / limit,
          runs: ours.get(tokens), llamaCpp: peer, llamaCppRuns: peers.get(tokens), failed
        })
      }
    }
  }
  const head = ['model', 'format', 'tokens', 'tok/s', 'TFLOP/s', 'of limit', 'llama.cpp', 'of limit', 'ratio', `cost to ${lengths[0]}`]
  const note = 'Limit: 2 x layer weights and attention, against the best ceiling that these weights can be multiplied at.'
  return { title: `prefill of ${lengths.join(' and ')} tokens`, note, head, textColumns: 2, rows, figures }
}

async function prefillRuns (context: Context, model: string, format: BenchFormat, lengths: readonly number[]) {
  const ours = new Map<number, number[]>(lengths.map(tokens => [tokens, []]))
  const peers = new Map<number, number[]>(lengths.map(tokens => [tokens, []]))
  const longest = Math.max(...lengths)
  let failed: string | undefined
  for (let round = 0; round < context.repeat; round++) {
    await announce(`prefill ${model} ${format.name}, round ${round + 1} of ${context.repeat}`)
    await inTurn(round, [
      async () => {
        if (failed !== undefined) return
        const jobs = lengths.map(tokens => ({ kind: 'prefill', tokens } as const))
        const options = { maxBatchTokens, maxNumSeqs: 1, maxModelLen: longest + 256, ...kvFor(model, longest + 256) }
        const report = await millraceJobs(context, model, format, jobs, options)
        if (!report.ok) failed = explain(report)
        else report.results.forEach((result, i) => { ours.get(lengths[i]!)!.push(prefillOf(result)) })
      },
      () => peerRun(async () => {
        const { llama } = context
        if (llama === undefined) return
        const path = await peerCheckpoint(model, format)
        for (const tokens of lengths) peers.get(tokens)!.push(await llama.prefill(path, tokens))
      })
    ])
  }
  return { ours, peers, failed }
}

interface DecodeRuns {
  readonly ours: Map<number, DecodeRun[]>
  readonly llama: Map<number, number[]>
  readonly nodeLlama: Map<number, number[]>
  readonly failed: string | undefined
}

export async function measureDecodes (context: Context): Promise<Section> {
  const rows: Cell[][] = []
  const figures: object[] = []
  const contextTokens = promptTokens + outputTokens / 2
  for (const model of context.models) {
    for (const format of context.formats) {
      const { ours, llama, nodeLlama, failed } = await decodeRuns(context, model, format)
      const costs = costsOf(model)
      const bytes = weightBytes(model, format.stored)
      const peerBytes = weightBytes(model, format.peerStored)
      const machine = machineFor(context, format)
      for (const batch of context.batches) {
        const runs = ours.get(batch) ?? []
        const run = runs.length > 0 ? medians(runs) : undefined
        const tokensPerSec = run?.tokensPerSec ?? NaN
        const [peer, nodePeer] = [median(llama.get(batch) ?? []), median(nodeLlama.get(batch) ?? [])]
        const limit = decodeLimit(machine, costs, bytes, batch, contextTokens)
        const peerLimit = decodeLimit(machine, costs, peerBytes, batch, contextTokens)
        const bytesPerSec = tokensPerSec / batch * decodeBytesPerStep(bytes, costs, batch, contextTokens)
        rows.push([
          model, format.name, batch, failed ?? tokensPerSec, run?.stepMs, bytesPerSec / 1e9,
          2 * costs.params * tokensPerSec / 1e12, percent(tokensPerSec / limit), run?.overheadMsPerStep, run?.idleUsPerStep,
          context.llama === undefined ? 'no peer' : peer, percent(peer / peerLimit), times(tokensPerSec / peer),
          ...context.nodeLlama === undefined ? [] : [nodePeer, times(tokensPerSec / nodePeer)]
        ])
        figures.push({
          model, format: format.name, batch, ...run, bytesPerSec, limit, ofLimit: tokensPerSec / limit,
          runs: runs.map(one => one.tokensPerSec), llamaCpp: peer, llamaCppRuns: llama.get(batch), nodeLlamaCpp: nodePeer, failed
        })
      }
    }
  }
  const head = [
    'model', 'format', 'batch', 'tok/s', 'step ms', 'GB/s', 'TFLOP/s', 'of limit', 'around ms', 'idle us', 'llama.cpp', 'of limit', 'ratio',
    ...context.nodeLlama === undefined ? [] : ['node-llama-cpp', 'ratio']
  ]
  const note = `${promptTokens} prompt tokens and ${outputTokens} more a sequence. Limit: reading weights and KV, then multiplying, each at its ceiling. ` +
    'GB/s counts weights and KV as stored. "around" is wall time of a step less its time on the device; "idle" is the device between steps.'
  return { title: 'decode', note, head, textColumns: 2, rows, figures }
}

async function decodeRuns (context: Context, model: string, format: BenchFormat): Promise<DecodeRuns> {
  const { batches, llama, nodeLlama } = context
  const most = Math.max(...batches)
  const runs = { ours: new Map<number, DecodeRun[]>(), llama: new Map<number, number[]>(), nodeLlama: new Map<number, number[]>() }
  let failed: string | undefined
  for (let round = 0; round < context.repeat; round++) {
    await announce(`decode ${model} ${format.name}, round ${round + 1} of ${context.repeat}`)
    await inTurn(round, [
      async () => {
        if (failed !== undefined) return
        const jobs = batches.map(batch => ({ kind: 'decode', batch, promptTokens, outputTokens } as const))
        const options = { maxBatchTokens, maxNumSeqs: most, maxModelLen: 512, ...kvFor(model, most * 256) }
        const report = await millraceJobs(context, model, format, jobs, options)
        if (!report.ok) failed = explain(report)
        else report.results.forEach((result, i) => { append(runs.ours, batches[i]!, decodeOf(result)) })
      },
      () => peerRun(async () => {
        if (llama === undefined) return
        const rates = await llama.batchedDecode(await peerCheckpoint(model, format), batches, promptTokens, outputTokens)
        for (const [batch, rate] of rates) append(runs.llama, batch, rate)
      }),
      () => peerRun(async () => {
        if (nodeLlama === undefined) return
        const path = await peerCheckpoint(model, format)
        for (const batch of batches) {
          append(runs.nodeLlama, batch, await nodeLlama.decode(path, vocabularyOf(model), batch, promptTokens, outputTokens))
        }
      })
    ])
  }
  return { ...runs, failed }
}

function append<T> (map: Map<number, T[]>, key: number, value: T): void {
  map.set(key, [...map.get(key) ?? [], value])
}

function explain (report: EngineReport & { ok: false }): string {
  console.error(`  ${report.message}`)
  return failure(report)
}

export function decodeOf (result: JobResult): DecodeRun {
  if (result.kind !== 'decode') throw new Error(`a decode job gave ${JSON.stringify(result)}`)
  return result.run
}

function prefillOf (result: JobResult): number {
  if (result.kind !== 'prefill') throw new Error(`a prefill job gave ${JSON.stringify(result)}`)
  return result.tokensPerSec
}
