import { createInterface } from 'node:readline'
import { localEngineFlags } from './option-flags.js'
import { ChatSession } from './chat-session.js'
import { printLine, type Io } from './io.js'
import { loadEngine } from './load-engine.js'
import { samplingFlags } from './sampling-flags.js'

/** `millrace chat`: a conversation in the terminal, or one with the lines of a pipe. */
export async function chat (model: string, flags: Readonly<Record<string, unknown>>, io: Io): Promise<void> {
  const sampling = samplingFlags(flags)
  const { engine } = await loadEngine(model, localEngineFlags(flags), io)
  const isTerminal = io.stdin.isTTY === true && io.stdout.isTTY === true
  const lines = createInterface({ input: io.stdin, output: isTerminal ? io.stdout : undefined, terminal: isTerminal, prompt: '> ' })
  try {
    const session = new ChatSession(engine, io, sampling, flags['system'] as string | undefined)
    printLine(io.stderr, `${engine.modelName}. /help lists the commands; Ctrl-C interrupts an answer, Ctrl-D leaves.`)
    lines.on('SIGINT', () => { if (!session.interrupt()) lines.close() })
    if (isTerminal) lines.prompt()
    for await (const line of lines) {
      if (await session.take(line) === 'exit') break
      if (isTerminal) lines.prompt()
    }
  } finally {
    lines.close()
    await engine.close()
  }
}
