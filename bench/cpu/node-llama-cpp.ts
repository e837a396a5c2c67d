// node-llama-cpp, the nearest peer in Node: installed on request into an ignored folder, never a dependency.
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runProgram } from '../lib/child.js'
import { buildFolder } from './ceilings.js'

const version = '3.22.1'
const folder = join(buildFolder, 'node-llama-cpp')
const child = fileURLToPath(new URL('node-llama-cpp-child.mjs', import.meta.url))

export class NodeLlamaCpp {
  readonly version = version
  readonly #threads: number

  constructor (threads: number) {
    this.#threads = threads
  }

  /** Without scripts: they would compile llama.cpp where no prebuilt one fits. */
  static async install (threads: number): Promise<NodeLlamaCpp> {
    if (!existsSync(join(folder, 'node_modules', 'node-llama-cpp', 'package.json'))) {
      console.error(`installing node-llama-cpp ${version} into ${folder}`)
      mkdirSync(folder, { recursive: true })
      await runProgram('npm', ['install', '--prefix', folder, '--ignore-scripts', '--no-save', '--no-audit', '--no-fund', `node-llama-cpp@${version}`])
    }
    return new NodeLlamaCpp(threads)
  }

  /** Tokens per second of all sequences, after the last prompt. */
  async decode (model: string, vocabSize: number, batch: number, promptTokens: number, outputTokens: number): Promise<number> {
    const task = { folder, model, vocabSize, batch, promptTokens, outputTokens, threads: this.#threads }
    const printed = await runProgram(process.execPath, [child, JSON.stringify(task)])
    return (JSON.parse(printed.trim().split('\n').at(-1)!) as { tokensPerSec: number }).tokensPerSec
  }
}
