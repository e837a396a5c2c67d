import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { InvalidOptionError } from '../core/errors.js'

/**
 * Options of a file in YAML or JSON, by name; `max-num-seqs` counts as `maxNumSeqs`.
 *
 * @throws InvalidOptionError when it cannot be read
 */
export function readConfigFile (path: string): Map<string, unknown> {
  const content = parsed(path)
  if (content === null || content === undefined) return new Map()
  if (typeof content !== 'object' || Array.isArray(content)) throw refused(path, 'it must be a map of options to values, such as "port: 9000"')
  return new Map(Object.entries(content).map(([name, value]) => [camelCase(name), value]))
}

function parsed (path: string): unknown {
  try {
    // Every JSON text is a YAML text.
    return parse(readFileSync(path, 'utf8'), { prettyErrors: true })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw refused(path, 'there is no such file')
    if (code === 'EACCES') throw refused(path, 'this user may not read it')
    // After the first line comes the file's text around the place.
    throw refused(path, message.split('\n', 1)[0]!.replace(/:$/, ''))
  }
}

function refused (path: string, reason: string): InvalidOptionError {
  return new InvalidOptionError('config', `The config file ${path} cannot be used: ${reason}.`)
}

function camelCase (name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
