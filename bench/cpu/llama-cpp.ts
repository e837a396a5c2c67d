// llama.cpp's own programs, from a folder that the user names.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { runProgram } from '../lib/child.js'

export class LlamaCpp {
  readonly #folder: string
  readonly #threads: number

  constructor (folder: string, threads: number) {
    const missing = ['llama-bench', 'llama-batched-bench', 'llama-server'].filter(name => !existsSync(join(folder, name)))
    if (missing.length > 0) throw new Error(`${folder} lacks ${missing.join(', ')}: build those targets of llama.cpp, and name the folder of its binaries`)
    this.#folder = folder
    this.#threads = threads
  }

  /** The one version that each program states. */
  async version (): Promise<string> {
    const printed = await runProgram('/bin/sh', ['-c', '"$0" --version 2>&1', this.#path('llama-server')])
    return printed.trim().split('\n').filter(line => /version|built/.test(line)).join('; ')
  }

  /** Tokens per second of one prompt. Flash attention on: it is the faster way here. */
  async prefill (model: string, tokens: number): Promise<number> {
    return await this.#bench(model, tokens, 0)
  }

  /** Tokens per second of one sequence, with nothing before it. */
  async decode (model: string, tokens: number): Promise<number> {
    return await this.#bench(model, 0, tokens)
  }

  async #bench (model: string, prompt: number, output: number): Promise<number> {
    const printed = await runProgram(this.#path('llama-bench'), [
      '-m', model, '-t', String(this.#threads), '-p', String(prompt), '-n', String(output), '-r', '1', '-fa', '1', '-o', 'json'
    ])
    return parseBench(printed)
  }

  /** Tokens per second of all sequences, by batch size. */
  async batchedDecode (model: string, batches: readonly number[], promptTokens: number, outputTokens: number): Promise<Map<number, number>> {
    const threads = String(this.#threads)
    const context = Math.max(512, Math.max(...batches) * (promptTokens + outputTokens))
    const printed = await runProgram(this.#path('llama-batched-bench'), [
      '-m', model, '-t', threads, '-tb', threads, '-c', String(context), '-fa', 'on', '-npp', String(promptTokens),
      '-ntg', String(outputTokens), '-npl', batches.join(','), '--output-format', 'jsonl'
    ])
    return parseBatchedBench(printed)
  }

  serveCommand (model: string, port: number, slots: number): readonly string[] {
    const threads = String(this.#threads)
    return [
      this.#path('llama-server'), '-m', model, '--host', '127.0.0.1', '--port', String(port), '-t', threads, '-tb', threads,
      '-np', String(slots), '-c', String(slots * 512), '-fa', 'on', '--no-cache-prompt', '--cache-ram', '0', '--no-webui', '-a', 'bench'
    ]
  }

  #path (name: string): string {
    return join(this.#folder, name)
  }
}

export function parseBench (printed: string): number {
  return (JSON.parse(printed) as Array<{ avg_ts: number }>)[0]!.avg_ts
}

export function parseBatchedBench (printed: string): Map<number, number> {
  const lines = printed.split('\n').filter(line => line.startsWith('{'))
  return new Map(lines.map(line => {
    const { pl, speed_tg: tokensPerSec } = JSON.parse(line) as { pl: number, speed_tg: number }
    return [pl, tokensPerSec]
  }))
}
