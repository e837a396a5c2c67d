import { PassThrough, Readable } from 'node:stream'
import type { Io } from '../../src/cli/io.js'

export interface MemoryIo extends Io {
  readonly out: () => string
  readonly err: () => string
}

/** Streams that keep what is written to them. */
export function memoryIo (options: { stdin?: string, env?: Record<string, string> } = {}): MemoryIo {
  const texts = { out: '', err: '' }
  const sink = (name: 'out' | 'err'): PassThrough => {
    const stream = new PassThrough()
    stream.setEncoding('utf8').on('data', (text: string) => { texts[name] += text })
    return stream
  }
  return {
    stdin: Readable.from(options.stdin === undefined ? [] : [Buffer.from(options.stdin)]),
    stdout: sink('out'),
    stderr: sink('err'),
    env: options.env ?? {},
    out: () => texts.out,
    err: () => texts.err
  }
}
