import type { Readable, Writable } from 'node:stream'

/** Where a command reads and writes: results on stdout, everything about them on stderr. */
export interface Io {
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly stdout: Writable & { readonly isTTY?: boolean }
  readonly stderr: Writable & { readonly isTTY?: boolean }
  readonly env: Readonly<Record<string, string | undefined>>
}

export function processIo (): Io {
  const { stdin, stdout, stderr, env } = process
  return { stdin, stdout, stderr, env }
}

export function printLine (stream: Writable, text = ''): void {
  stream.write(`${text}\n`)
}

/** A variable that is set to something. */
export function envValue (io: Io, name: string): string | undefined {
  const value = io.env[name]
  return value === undefined || value === '' ? undefined : value
}
