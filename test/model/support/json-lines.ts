import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import { fixtures } from './model-files.js'

/** The rows of a gzipped JSON-lines file under test/fixtures/. */
export async function readJsonLines<T> (path: string): Promise<T[]> {
  const text = gunzipSync(await readFile(fixtures + path)).toString('utf8')
  return text.trimEnd().split('\n').map(line => JSON.parse(line) as T)
}
