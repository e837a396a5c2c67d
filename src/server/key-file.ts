import { readFileSync, statSync } from 'node:fs'
import { InvalidOptionError } from '../core/errors.js'
import type { ApiKey } from './api-key.js'

export interface KeyFile {
  readonly keys: readonly ApiKey[]
  /** Others of this machine can read it. */
  readonly isExposed: boolean
}

/**
 * All keys of a server, as they are now.
 *
 * @param onExposed others of this machine can read the file
 * @throws InvalidOptionError
 */
export function readAllKeys (given: ReadonlyArray<string | ApiKey>, path: string | undefined, onExposed: () => void): Array<string | ApiKey> {
  if (path === undefined) return [...given]
  const { keys, isExposed } = readKeyFile(path)
  if (isExposed) onExposed()
  return [...given, ...keys]
}

/** @throws InvalidOptionError when it cannot be read, and for a line that is none */
export function readKeyFile (path: string): KeyFile {
  let text: string
  let mode: number
  try {
    text = readFileSync(path, 'utf8')
    mode = statSync(path).mode
  } catch (error) {
    throw new InvalidOptionError('apiKeyFile', `The file of API keys cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'}). Check --api-key-file.`)
  }
  // Windows has no such bits.
  return { keys: parseKeyFile(text), isExposed: process.platform !== 'win32' && (mode & 0o077) !== 0 }
}

/**
 * One key on each line, with a name behind it and limits of its own: `sk-1f2e alice requests=60 tokens=100000`.
 * `#` begins a comment.
 *
 * @throws InvalidOptionError that names the line, and never shows a key
 */
export function parseKeyFile (text: string): ApiKey[] {
  const keys = text.split(/\r?\n/).flatMap((line, i) => {
    const words = line.replace(/(^|\s)#.*$/, '').trim().split(/\s+/)
    return words[0] === '' ? [] : [keyOf(words, i + 1)]
  })
  if (keys.length === 0) throw new InvalidOptionError('apiKeyFile', 'The file of API keys has none: write one on each line (--api-key-file).')
  if (new Set(keys.map(({ key }) => key)).size < keys.length) throw new InvalidOptionError('apiKeyFile', 'The file of API keys has one of them twice (--api-key-file).')
  return keys
}

function keyOf ([key, ...rest]: readonly string[], line: number): ApiKey {
  const limits: Record<string, number> = {}
  let name: string | undefined
  for (const word of rest) {
    const limit = /^(requests|tokens)=([1-9][0-9]{0,11})$/.exec(word)
    if (limit !== null) limits[limit[1]!] = Number(limit[2])
    else if (name === undefined && /^[\w.@-]{1,64}$/.test(word)) name = word
    else {
      throw new InvalidOptionError('apiKeyFile', `Line ${line} of the file of API keys is not "key name requests=60 tokens=100000", of which the key alone is needed; ` +
        'a name has up to 64 letters, digits and any of . _ @ - (--api-key-file).')
    }
  }
  return { key: key!, name, limits }
}
