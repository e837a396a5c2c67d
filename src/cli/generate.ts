import { text } from 'node:stream/consumers'
import { InvalidOptionError } from '../core/errors.js'
import type { Generation, RequestOptions } from '../engine/api.js'
import type { Engine } from '../engine/engine.js'
import { answerStats } from './answer-stats.js'
import { printLine, type Io } from './io.js'
import { loadEngine } from './load-engine.js'
import { localEngineFlags } from './option-flags.js'
import { samplingFlags } from './sampling-flags.js'

/** `millrace generate`: answers one prompt, as it comes or as JSON. */
export async function generate (model: string, flags: Readonly<Record<string, unknown>>, io: Io): Promise<void> {
  const options = { maxTokens: 256, ...present(samplingFlags(flags)) }
  const prompt = await promptOf(flags['prompt'], io)
  const { engine } = await loadEngine(model, localEngineFlags(flags), io)
  try {
    const generation = start(engine, prompt, flags['raw'] === true || !engine.info.hasChatTemplate, options)
    if (flags['json'] === true) {
      const result = await generation.result()
      printLine(io.stdout, JSON.stringify({ model: engine.modelName, prompt, ...result }, null, 2))
      return
    }
    for await (const chunk of generation) io.stdout.write(chunk.text)
    printLine(io.stdout)
    printLine(io.stderr, `[${answerStats(await generation.result())}]`)
  } finally {
    await engine.close()
  }
}

function start (engine: Engine, prompt: string, isRaw: boolean, options: RequestOptions): Generation {
  return isRaw
    ? engine.complete({ prompt, ...options })
    : engine.chat({ messages: [{ role: 'user', content: prompt }], ...options })
}

/** The flag, or all of stdin without the line's end that a shell adds. */
async function promptOf (flag: unknown, io: Io): Promise<string> {
  if (typeof flag === 'string' && flag !== '') return flag
  if (flag === undefined && io.stdin.isTTY !== true) {
    const piped = (await text(io.stdin)).replace(/\r?\n$/, '')
    if (piped !== '') return piped
  }
  throw new InvalidOptionError('prompt', 'There is no prompt: give one with --prompt, or pipe one in.')
}

function present (options: RequestOptions): RequestOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}
